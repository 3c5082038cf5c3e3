"""Dagster definitions: thin bodies around the stages. Nothing imports this package.

- partitions: shards; resources: the walk, in-process executor
- documents, questions, dataset, marts: the assets, by group
- automation: jobs, sensors, schedule
"""
