"""A client of openapi-python-client creates, reads, lists, changes and triggers a task, and meets a problem."""

import sys

from punctual_client import AuthenticatedClient
from punctual_client.api.tasks import create_task, get_task, list_tasks, patch_task, trigger_task
from punctual_client.models import (
    CronSchedule,
    HttpMethod,
    HttpTargetInput,
    ListTasksStatusItem,
    ManualSchedule,
    NewTaskInput,
    Problem,
    RetryInput,
    Run,
    Task,
    TaskList,
    TaskPatch,
    TriggerInput,
)

url = sys.argv[1]
name = "by-openapi-python-client"


def say(text: str) -> None:
    print(f"openapi-python-client: {text}")


with AuthenticatedClient(base_url=url, token="not-asked-for", timeout=30) as client:
    created = create_task.sync(
        client=client,
        body=NewTaskInput(
            id=name,
            schedule=ManualSchedule(manual=True),
            target=HttpTargetInput(url=f"{url}/livez", method=HttpMethod.GET),
            retry=RetryInput(max_attempts=2),
        ),
    )
    assert isinstance(created, Task), created
    say(f"created {created.id} at version {created.version}")
    answer = get_task.sync_detailed(name, client=client)
    assert isinstance(answer.parsed, Task)
    say(f"read a target with the method {answer.parsed.target.method}")
    listed = list_tasks.sync(client=client, q=name, status=[ListTasksStatusItem.ACTIVE, ListTasksStatusItem.STOPPED])
    assert isinstance(listed, TaskList)
    say(f"listed {','.join(task.id for task in listed.items)}")
    patched = patch_task.sync(
        name,
        client=client,
        if_match=answer.headers["etag"],
        body=TaskPatch(description="changed", labels=None, schedule="@daily"),
    )
    assert isinstance(patched, Task) and isinstance(patched.schedule, CronSchedule), patched
    say(f"changed to {patched.schedule.cron}")
    run = trigger_task.sync(name, client=client, prefer="wait=20", body=TriggerInput(trigger_source="client"))
    assert isinstance(run, Run) and run.result, run
    say(f"triggered: {run.status}, HTTP {run.result.http_status}")
    missing = get_task.sync("nobody", client=client)
    assert isinstance(missing, Problem)
    say(f"problem {missing.status} {missing.code}")
