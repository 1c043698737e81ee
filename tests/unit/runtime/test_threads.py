"""Threads are as many as a job was given, or as the system allows."""

import os

import pytest

from semlens.runtime import threads


def test_cpus_are_counted_where_the_system_cannot_say_which_a_process_may_use(monkeypatch):
    assert 1 <= threads.count_cpus() <= os.cpu_count()
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS
    assert threads.count_cpus() == os.cpu_count()


@pytest.mark.parametrize(("given", "expected"), [("3", 3), ("", threads.count_cpus())])
def test_a_job_has_the_threads_that_it_was_given(monkeypatch, given, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert threads.count_threads() == expected
