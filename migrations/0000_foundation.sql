CREATE TYPE "error_kind" AS ENUM('timeout', 'unavailable', 'rejected', 'internal', 'cancelled', 'lost');--> statement-breakpoint
CREATE TYPE "overlap" AS ENUM('skip', 'queue', 'allow', 'replace');--> statement-breakpoint
CREATE TYPE "run_status" AS ENUM('pending', 'running', 'retrying', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped', 'lost');--> statement-breakpoint
CREATE TYPE "run_trigger" AS ENUM('schedule', 'manual', 'catch_up', 'retry');--> statement-breakpoint
CREATE TYPE "task_status" AS ENUM('active', 'stopped', 'completed');--> statement-breakpoint
CREATE TABLE "cluster" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"singleton" boolean DEFAULT true NOT NULL,
	"watermark" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "cluster_singleton_unique" UNIQUE("singleton")
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"scope" text NOT NULL,
	"key" text NOT NULL,
	"request_hash" text NOT NULL,
	"answer" json NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "idempotency_keys_scope_key_pk" PRIMARY KEY("scope","key")
);
--> statement-breakpoint
CREATE TABLE "replicas" (
	"id" uuid PRIMARY KEY NOT NULL,
	"version" text NOT NULL,
	"host" text NOT NULL,
	"pid" integer NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"heartbeat_at" timestamp (3) with time zone NOT NULL,
	"lease_until" timestamp (3) with time zone NOT NULL,
	"running" integer NOT NULL,
	"tasks_loaded" integer NOT NULL,
	"duties" text[] NOT NULL
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"task_uid" bigint NOT NULL,
	"trigger" "run_trigger" NOT NULL,
	"status" "run_status" NOT NULL,
	"scheduled_for" timestamp (3) with time zone NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL,
	"effective_due_at" timestamp (3) with time zone NOT NULL,
	"overlap_slot" smallint,
	"owner" uuid,
	"attempt" smallint NOT NULL,
	"max_attempts" smallint NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"started_at" timestamp (3) with time zone,
	"finished_at" timestamp (3) with time zone,
	"http_status" smallint,
	"output" text,
	"truncated" boolean,
	"error_kind" "error_kind",
	"error_message" text,
	"reason" text,
	"attempts" jsonb,
	"cancel_requested" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE TABLE "task_events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "task_events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"task_uid" bigint NOT NULL,
	"type" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"actor" text NOT NULL,
	"request_id" text,
	"changes" jsonb
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"uid" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "tasks_uid_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"id" text NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"labels" jsonb NOT NULL,
	"schedule" jsonb NOT NULL,
	"target" jsonb NOT NULL,
	"timeout_ms" bigint NOT NULL,
	"retry" jsonb NOT NULL,
	"overlap" "overlap" NOT NULL,
	"misfire" jsonb NOT NULL,
	"starts_at" timestamp (3) with time zone,
	"ends_at" timestamp (3) with time zone,
	"max_runs" integer,
	"jitter_ms" bigint,
	"priority" smallint NOT NULL,
	"status" "task_status" NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"schedule_version" integer DEFAULT 1 NOT NULL,
	"active_from" timestamp (3) with time zone NOT NULL,
	"claimed" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"deleted_at" timestamp (3) with time zone,
	"changed_in" "xid8" DEFAULT pg_current_xact_id() NOT NULL
);
--> statement-breakpoint
CREATE INDEX "idempotency_keys_age" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "runs_task" ON "runs" USING btree ("task_uid","id");--> statement-breakpoint
CREATE INDEX "runs_live" ON "runs" USING btree ("status","effective_due_at") WHERE "runs"."status" in ('pending', 'running', 'retrying');--> statement-breakpoint
CREATE UNIQUE INDEX "runs_overlap_slot" ON "runs" USING btree ("task_uid","overlap_slot") WHERE "runs"."overlap_slot" is not null;--> statement-breakpoint
CREATE INDEX "task_events_task" ON "task_events" USING btree ("task_uid","id");--> statement-breakpoint
CREATE UNIQUE INDEX "tasks_id" ON "tasks" USING btree ("id") WHERE "tasks"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "tasks_changed_in" ON "tasks" USING btree ("changed_in");--> statement-breakpoint
CREATE INDEX "tasks_labels" ON "tasks" USING gin ("labels" jsonb_path_ops);--> statement-breakpoint
CREATE INDEX "tasks_tombstones" ON "tasks" USING btree ("id") WHERE "tasks"."deleted_at" is not null;