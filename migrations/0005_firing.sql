ALTER TABLE "replicas" ADD COLUMN "firing" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "replicas" DROP COLUMN "duties";