"""Evaluation: samples to pass@k with intervals, benchmarks, arms compared at equal budgets."""
