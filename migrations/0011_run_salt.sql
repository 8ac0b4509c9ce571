-- A database with runs keeps the ids that it has: replicas of the version before make them without a salt.
ALTER TABLE "cluster" ADD COLUMN "run_salt" uuid DEFAULT '00000000-0000-0000-0000-000000000000' NOT NULL;--> statement-breakpoint
ALTER TABLE "cluster" ALTER COLUMN "run_salt" SET DEFAULT gen_random_uuid();
