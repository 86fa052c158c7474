"""Several machines: procrastinate hands the chunks of launched editions out to workers, on PostgreSQL."""
