"""What happens to a batch, stage by stage: the same code under Dagster and on the command line."""
