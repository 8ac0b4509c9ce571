// A client of oapi-codegen creates, reads, lists, changes and triggers a task, and meets a problem.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"clients/oapi/api"
)

func main() {
	url, name, ctx := os.Args[1], "by-oapi-codegen", context.Background()
	bearer := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer not-asked-for")
		return nil
	}
	client := need(api.NewClientWithResponses(url, api.WithRequestEditorFn(bearer)))

	var schedule api.ScheduleInput
	var form api.ScheduleObject
	check(form.FromManualSchedule(api.ManualSchedule{Manual: true}))
	check(schedule.FromScheduleObject(form))
	var target api.TargetInput
	method := api.HttpMethod("GET")
	check(target.FromHttpTargetInput(api.HttpTargetInput{Url: url + "/livez", Method: &method}))
	attempts := 2
	created := need(client.CreateTaskWithResponse(ctx, nil, api.NewTaskInput{
		Id: &name, Schedule: schedule, Target: target, Retry: &api.RetryInput{MaxAttempts: &attempts},
	}))
	say("created %s at version %d", created.JSON201.Id, created.JSON201.Version)
	read := need(client.GetTaskWithResponse(ctx, name, nil))
	say("read a target with the method %s", read.JSON200.Target.Method)
	status := []api.ListTasksParamsStatus{"active", "stopped"}
	list := need(client.ListTasksWithResponse(ctx, &api.ListTasksParams{Q: &name, Status: &status}))
	say("listed %s", list.JSON200.Items[0].Id)

	etag, description := read.HTTPResponse.Header.Get("ETag"), "changed"
	var daily api.ScheduleInput
	check(daily.FromScheduleInput0("@daily"))
	patched := need(client.PatchTaskWithResponse(ctx, name, &api.PatchTaskParams{IfMatch: &etag},
		api.TaskPatch{Description: &description, Schedule: &daily}))
	cron := need(patched.JSON200.Schedule.AsCronSchedule())
	say("changed to %s", cron.Cron)
	wait, source := "wait=20", "client"
	run := need(client.TriggerTaskWithResponse(ctx, name, &api.TriggerTaskParams{Prefer: &wait},
		api.TriggerInput{TriggerSource: &source}))
	say("triggered: %s, HTTP %d", run.JSON202.Status, *run.JSON202.Result.HttpStatus)
	missing := need(client.GetTaskWithResponse(ctx, "nobody", nil))
	say("problem %d %s", missing.ApplicationproblemJSON404.Status, missing.ApplicationproblemJSON404.Code)
}

func say(format string, values ...any) { fmt.Printf("oapi-codegen: "+format+"\n", values...) }

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func need[T any](value T, err error) T {
	check(err)
	return value
}
