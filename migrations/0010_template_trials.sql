CREATE TABLE "template_trials" (
	"task_uid" bigint NOT NULL,
	"process" uuid NOT NULL,
	"definition" text NOT NULL,
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "template_trials_task_uid_process_pk" PRIMARY KEY("task_uid","process")
);
