"""What a run shows on the terminal: lines for stages, messages with a job's name. Snakemake's own account is a file."""

import re
from collections import Counter

from repository import Repository, execute

# Drawn data and a made model need none of these.
NOT_PLANNED = {
    "download_file",
    "unpack_dataset",
    "download_images",
    "download_model_part",
    "convert_checkpoint",
}


def executed(repo: Repository) -> dict[str, list[str]]:
    """The logs of every job that ran, by rule, from what Snakemake itself said: its own log of the run."""
    rules: dict[str, list[str]] = {}
    rule = None
    said = min(repo.path(".snakemake", "log").iterdir())
    for line in said.read_text().splitlines():
        if line.startswith(("rule ", "localrule ")):
            rule = line.split()[1].rstrip(":")
        elif line.startswith("    log: "):
            rules.setdefault(rule, []).append(line.split()[1])
    return rules


def test_the_terminal_has_a_line_for_every_stage_and_no_block_for_any_job(finished):
    said = (finished.folder.parent / "terminal.txt").read_text()
    jobs = Counter({rule: len(logs) for rule, logs in executed(finished).items()})
    (planned,) = re.findall(r"^(\d+) jobs to run: (.+)$", said, re.MULTILINE)
    assert int(planned[0]) == jobs.total()
    counts = dict(count.split() for count in planned[1].split(", "))
    files = (path for path in finished.path("workflow", "rules").glob("*.smk"))
    stages = {path.stem: re.findall(r"^rule (\w+):", path.read_text(), re.MULTILINE) for path in files}
    made = {stage: sum(jobs[rule] for rule in rules) for stage, rules in stages.items() if stage != "targets"}
    assert {stage: int(count) for stage, count in counts.items()} == {stage: n for stage, n in made.items() if n}
    for stage, count in counts.items():
        assert re.search(rf"^{stage} +{count} of {count} jobs? ", said, re.MULTILINE), f"no line for {stage} in\n{said}"
    assert re.search(rf"^{planned[0]} jobs done in ", said, re.MULTILINE)
    assert not re.search(r"^(local)?rule |^Finished jobid|^    input: |^Job stats|^SNAKEMAKE", said, re.MULTILINE)


def test_messages_name_the_job_that_speaks(finished):
    said = (finished.folder.parent / "terminal.txt").read_text()
    for rule, paths in executed(finished).items():
        for path in paths:
            logged = re.findall(r" INFO (.+)$", finished.path(path).read_text(), re.MULTILINE)
            place = re.sub(r"-[0-9a-f]{12}$", "", path.removeprefix(f"results/logs/{rule}/").removesuffix(".log"))
            for line in logged:
                assert f"{rule} {place}: {line}\n" in said


def test_snakemakes_own_output_can_be_had(clone):
    repo = clone()
    repo.path("results", "findings.csv").unlink()
    said = execute(repo, "results/findings.csv", "--printshellcmds")
    assert "rule summarize_findings:" in said and "jobs to run" not in said


def test_every_job_has_its_log(finished):
    logs = executed(finished)
    assert set(logs) == {path.stem for path in finished.path("workflow", "scripts").glob("*.py")} - NOT_PLANNED
    for rule, paths in logs.items():
        for path in paths:
            assert path.startswith(f"results/logs/{rule}/")
            assert finished.path(path).is_file(), path


def test_every_log_says_what_was_done(finished):
    silent = {
        rule
        for rule, paths in executed(finished).items()
        for path in paths
        if "INFO" not in finished.path(path).read_text()
    }
    assert not silent, f"logs of {', '.join(sorted(silent))} say nothing"
