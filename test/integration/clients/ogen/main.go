// A client of ogen creates, reads, lists, changes and triggers a task, and meets a problem.
package main

import (
	"context"
	"fmt"
	"os"

	"clients/ogen/api"

	"github.com/ogen-go/ogen/ogenerrors"
)

type keys struct{}

func (keys) ApiKey(context.Context, api.OperationName) (api.ApiKey, error) {
	return api.ApiKey{}, ogenerrors.ErrSkipClientSecurity
}

func (keys) Bearer(context.Context, api.OperationName) (api.Bearer, error) {
	return api.Bearer{Token: "not-asked-for"}, nil
}

func (keys) RunToken(context.Context, api.OperationName) (api.RunToken, error) {
	return api.RunToken{}, ogenerrors.ErrSkipClientSecurity
}

func main() {
	url, name, ctx := os.Args[1], "by-ogen", context.Background()
	client := need(api.NewClient(url, keys{}))

	created := need(client.CreateTask(ctx, &api.NewTaskInput{
		ID:       api.NewOptNilString(name),
		Schedule: api.NewScheduleObjectScheduleInput(api.NewManualScheduleScheduleObject(api.ManualSchedule{Manual: true})),
		Target: api.NewHttpTargetInputTargetInput(api.HttpTargetInput{
			URL: url + "/livez", Method: api.NewOptHttpMethod(api.HttpMethodGET),
		}),
		Retry: api.NewOptNilRetryInput(api.RetryInput{MaxAttempts: api.NewOptNilInt(2)}),
	}, api.CreateTaskParams{})).(*api.TaskHeaders)
	say("created %s at version %d", created.Response.ID, created.Response.Version)
	read := need(client.GetTask(ctx, api.GetTaskParams{ID: name})).(*api.GetTaskOKHeaders)
	say("read a target with the method %s", read.Response.Target.Method)
	list := need(client.ListTasks(ctx, api.ListTasksParams{
		Q:      api.NewOptString(name),
		Status: []api.ListTasksStatusItem{api.ListTasksStatusItemActive, api.ListTasksStatusItemStopped},
	})).(*api.TaskListHeaders)
	say("listed %s", list.Response.Items[0].ID)

	patched := need(client.PatchTask(ctx, &api.PatchTaskApplicationJSON{
		Description: api.NewOptNilString("changed"),
		Schedule:    api.NewOptScheduleInput(api.NewStringScheduleInput("@daily")),
	}, api.PatchTaskParams{ID: name, IfMatch: read.ETag})).(*api.GetTaskOKHeaders)
	say("changed to %s", patched.Response.Schedule.CronSchedule.Cron)
	run := need(client.TriggerTask(ctx,
		api.NewOptTriggerInput(api.TriggerInput{TriggerSource: api.NewOptNilString("client")}),
		api.TriggerTaskParams{ID: name, Prefer: api.NewOptString("wait=20")})).(*api.TriggerTaskAcceptedHeaders)
	say("triggered: %s, HTTP %d", run.Response.Status, run.Response.Result.Value.HttpStatus.Value)
	missing := need(client.GetTask(ctx, api.GetTaskParams{ID: "nobody"})).(*api.NotFoundHeaders)
	say("problem %d %s", missing.Response.Status, missing.Response.Code)
}

func say(format string, values ...any) { fmt.Printf("ogen: "+format+"\n", values...) }

func need[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
