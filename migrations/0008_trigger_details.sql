ALTER TABLE "runs" ADD COLUMN "origin" jsonb;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "input" text;