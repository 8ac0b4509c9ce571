CREATE TABLE "deliveries" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"task_uid" bigint NOT NULL,
	"run_id" uuid,
	"hook" text NOT NULL,
	"data" jsonb,
	"attempt" smallint DEFAULT 0 NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "gates" (
	"key" text PRIMARY KEY NOT NULL,
	"starts" bigint[] DEFAULT '{}' NOT NULL,
	"used_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
DROP INDEX "runs_overlap_slot";--> statement-breakpoint
ALTER TABLE "cluster" ADD COLUMN "swept_by" uuid;--> statement-breakpoint
ALTER TABLE "cluster" ADD COLUMN "secret" text DEFAULT gen_random_uuid()::text || gen_random_uuid()::text NOT NULL;--> statement-breakpoint
ALTER TABLE "replicas" ADD COLUMN "breakers" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "gate" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "check_due" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "heartbeat_due" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "progress" jsonb;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "hooked" boolean;--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "policies" jsonb;--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "gate" text;--> statement-breakpoint
CREATE INDEX "deliveries_due" ON "deliveries" USING btree ("due_at");--> statement-breakpoint
CREATE INDEX "runs_line" ON "runs" USING btree ("task_uid","effective_due_at") WHERE "runs"."overlap_slot" > 0;--> statement-breakpoint
CREATE INDEX "runs_gate_waiting" ON "runs" USING btree ("gate","effective_due_at") WHERE "runs"."gate" is not null and "runs"."status" in ('pending', 'retrying');--> statement-breakpoint
CREATE INDEX "runs_gate_running" ON "runs" USING btree ("gate") WHERE "runs"."gate" is not null and "runs"."status" = 'running';--> statement-breakpoint
CREATE INDEX "runs_check" ON "runs" USING btree ("check_due") WHERE "runs"."check_due" is not null;--> statement-breakpoint
CREATE INDEX "runs_heartbeat" ON "runs" USING btree ("heartbeat_due") WHERE "runs"."heartbeat_due" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "runs_overlap_slot" ON "runs" USING btree ("task_uid","overlap_slot") WHERE "runs"."overlap_slot" < 2;