"""Training programs, run as subprocesses: ``python -m webscale_dagster.training.<phase> JOB``."""
