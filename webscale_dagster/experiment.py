"""The recipe's tables about training: arms, seeds, the model they start from, and each phase.

Makes ``Training``, ``SftCheckpoint`` … values and the experiments' names; reads and writes nothing.
An experiment is ``<arm>-s<seed>``; an arm is a list of phases, each of which makes a checkpoint of
the one before:

    arm         corpus of cpt     sft               grpo
    base
    sft                           warm-up
    sft_train                     warm-up, then the train split for the budget
    cpt_sft     documents         warm-up
    qurating    selected          warm-up
    prox        cleaned           warm-up
    gdr         rewritten         warm-up
    sft_grpo                      warm-up           train split

Defaults are the paper's (arXiv 2510.06499, section 4): batches of 256, 128 and 256, learning rates
1e-5, 5e-6 and 5e-6, 4,096 tokens, rollouts of 2,560, 16 samples a question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from webscale_dagster.models import Part

ArmName = Literal["base", "sft", "sft_train", "cpt_sft", "qurating", "prox", "gdr", "sft_grpo"]
Band = Literal["trivial", "learnable", "hard", "broken"]  # of a pair's difficulty
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Loss = Literal["grpo", "dr_grpo", "dapo", "bnpo", "cispo"]


@dataclass(frozen=True)
class Arm:
    """What an arm trains, after the base model: ``corpus`` is what cpt reads."""

    name: str
    corpus: str = ""  # of cpt: documents | qurating | prox | gdr; empty: no cpt
    sft: bool = True
    sft_on_train: bool = False  # the budget is spent on supervised training of the train split
    grpo: bool = False


ARMS: dict[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm("base", sft=False),
        Arm("sft"),
        Arm("sft_train", sft_on_train=True),
        Arm("cpt_sft", corpus="documents"),
        Arm("qurating", corpus="qurating"),
        Arm("prox", corpus="prox"),
        Arm("gdr", corpus="gdr"),
        Arm("sft_grpo", grpo=True),
    )
}
assert tuple(ARMS) == get_args(ArmName)


@dataclass(frozen=True)
class Experiment:
    """A partition of the checkpoints and of the evaluation."""

    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """The partition's key."""
        return f"{self.arm.name}-s{self.seed}"


def experiment(name: str) -> Experiment:
    """The experiment that a partition key names; raises ValueError with the known arms."""
    arm, _, seed = name.rpartition("-s")
    if arm not in ARMS or not seed.isdigit():
        known = ", ".join(ARMS)
        raise ValueError(f"{name!r} is no experiment: wanted <arm>-s<seed>, arms: {known}")
    return Experiment(ARMS[arm], int(seed))


_CHECKPOINT = re.compile(r"^(?:base|cpt|sft|grpo|verl)-[0-9a-f]{16}$")


def is_checkpoint(name: str) -> bool:
    """Whether a name is a checkpoint's, phase and key."""
    return _CHECKPOINT.match(name) is not None


def is_trained(name: str) -> bool:
    """Whether a name is a checkpoint's or an experiment's: a model that this platform trained."""
    try:
        experiment(name)
    except ValueError:
        return is_checkpoint(name)
    return True


class TinyModel(Part):
    """A tokenizer and a model made on the spot of the release's documents, for ``tiny``."""

    vocabulary: int = Field(2048, ge=300)
    hidden: int = Field(128, ge=16)
    layers: int = Field(4, ge=1)
    heads: int = Field(4, ge=1)
    context: int = Field(256, ge=64)
    steps: int = Field(600, ge=0)
    batch: int = Field(32, ge=1)
    learning_rate: float = Field(3e-3, gt=0)
    seed: int = 1


class Training(Part):
    """Which experiments there are, the model they start from and what an arm may spend."""

    model: str = "tiny"  # folder or repository of a Hugging Face model; "tiny": made on the spot
    revision: str = "main"  # of a repository
    tiny: TinyModel = TinyModel()
    arms: tuple[ArmName, ...] = ("base", "sft", "sft_train", "cpt_sft", "sft_grpo")
    seeds: tuple[int, ...] = (1, 2, 3)
    budget_tokens: int = Field(1_000_000_000, ge=1)  # of training, in an arm's phase after SFT
    milestones: tuple[Share, ...] = ()  # of the budget, at which a model is kept and evaluated too
    channel: Literal["candidate"] = "candidate"  # the release that is trained on
    precision: Literal["bf16", "fp32"] = "bf16"

    def experiments(self) -> list[str]:
        """Partition keys, arm by arm."""
        return [Experiment(ARMS[arm], seed).name for arm in self.arms for seed in self.seeds]


class _Phase(Part):
    """What every program of training is told."""

    batch: int = Field(128, ge=1)  # sequences of an optimizer step, over all devices
    learning_rate: float = Field(5e-6, gt=0)
    max_length: int = Field(4096, ge=16)  # tokens of a sequence
    warmup_steps: int = Field(10, ge=0)
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    save_steps: int = Field(50, ge=1)
    micro_batch: int = Field(8, ge=1)  # sequences of a device at once


class SftAnswers(Part):
    """Answers of the ``sft`` split by rejection sampling; without a policy, direct answers.

    ``policy`` names one of [models], a checkpoint as ``grpo-0123456789abcdef``, or a trained
    experiment as ``sft_grpo-s1``, whose own warm-up had direct answers.
    """

    policy: str = ""
    samples: int = Field(8, ge=1, le=256)
    keep: int = Field(1, ge=1)  # correct answers of a question, the most different ones
    temperature: float = Field(1.0, gt=0.0, le=2.0)
    max_tokens: int = Field(2048, ge=1)
    max_answer_tokens: int = Field(1024, ge=1)  # longer ones are not kept
    direct: str = "Answer: {answer}"  # what is said where no sample is right, or none was drawn

    def first_turn(self) -> SftAnswers:
        """The same without a policy: how a policy that was trained before began."""
        return self.model_copy(update={"policy": ""})


class RefinedDocs(Part):
    """What the data-refinement arms read: ``model`` names one of [models]; empty: rules judge."""

    model: str = ""
    pairs: int = Field(2000, ge=1)  # QuRating: pairwise judgements that its scorer is made of
    keep_share: Share = 0.5  # QuRating: of the tokens, sampled by score
    temperature: float = Field(1.0, gt=0)  # QuRating: of sampling, 0 would take the best
    max_tokens: int = Field(2048, ge=16)


class CptCheckpoint(_Phase):
    """Continual pretraining on packed documents for ``training.budget_tokens``."""

    batch: int = Field(256, ge=1)
    learning_rate: float = Field(1e-5, gt=0)


class SftCheckpoint(_Phase):
    """Supervised warm-up on the sft split."""

    epochs: float = Field(1.0, gt=0)


class LengthPhase(Part):
    """From this step on, completions may be so long."""

    from_step: int = Field(ge=0)
    max_completion_tokens: int = Field(ge=1)


class GrpoCheckpoint(_Phase):
    """GRPO with the examples' verifiers as reward.

    Sources: DAPO arXiv 2503.14476 (asymmetric clipping 0.2/0.28, overlong masking and punishment,
    dynamic sampling), Dr. GRPO arXiv 2503.20783 (``dr_grpo``, no scaling by the deviation).
    """

    engine: Literal["trl", "verl"] = "trl"  # verl: an environment of its own, for many GPUs
    batch: int = Field(256, ge=1)  # questions of a step
    samples: int = Field(16, ge=2)  # completions of a question: the group
    micro_batch: int = Field(16, ge=1)  # completions of a device at once
    max_prompt_tokens: int = Field(1536, ge=1)
    max_completion_tokens: int = Field(2560, ge=1)
    length_phases: tuple[LengthPhase, ...] = ()  # instead of max_completion_tokens
    max_steps: int = Field(100_000, ge=1)  # the budget ends it first, as a rule
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "constant_with_warmup"
    temperature: float = Field(1.0, gt=0)
    loss: Loss = "dapo"
    epsilon_low: float = Field(0.2, gt=0)
    epsilon_high: float = Field(0.28, gt=0)
    beta: float = Field(0.0, ge=0)  # of the KL term; 0: no reference model
    scale_rewards: Literal["group", "batch", "none"] = "group"
    mask_truncated: bool = True
    overlong_tokens: int = Field(0, ge=0)  # the last so many cost up to 1 (DAPO, equation 13)
    format_weight: float = Field(0.0, ge=0)
    format_pattern: str = r"(?im)^\W*(?:final )?answer:\W*\w|\\boxed\{"  # what it is paid for
    overlong_weight: float = Field(1.0, ge=0)
    weights: dict[str, float] = Field(default_factory=dict)  # by answer type; 1 where none is given
    soft: bool = True  # scores between 0 and 1 count; else 1 only from 1
    judge: str = ""  # of judge and rubric: one of [models], or an http address that scores
    bands: tuple[Band, ...] = ()  # of difficulty; empty: all
    curriculum: Literal["none", "easy_first"] = "none"
    dynamic_sampling: bool = False
    max_resamples: int = Field(3, ge=1)  # rounds in which dynamic sampling replaces groups
    vllm: Literal["none", "colocate", "server"] = "none"
    vllm_url: str = ""

    @model_validator(mode="after")
    def _fits(self) -> GrpoCheckpoint:
        steps = [phase.from_step for phase in self.length_phases]
        if steps and (steps[0] != 0 or steps != sorted(set(steps))):
            raise ValueError("length_phases start at step 0 and rise")
        if self.vllm == "server" and not self.vllm_url.startswith("http"):
            raise ValueError('vllm = "server" needs vllm_url, as http://127.0.0.1:8000')
        if self.batch * self.samples % self.micro_batch:
            raise ValueError("batch * samples must be a multiple of micro_batch")
        return self


class Benchmark(Part):
    """A benchmark file for lm-evaluation-harness: ``task`` is the name of a task of ours."""

    task: str
    uri: str  # JSONL or JSONL.zst, ${ENV} expanded
    limit: int = Field(0, ge=0)  # items; 0: all


class Evaluation(Part):
    """Samples of every held-out question, and benchmarks."""

    samples: int = Field(8, ge=1)
    ks: tuple[int, ...] = (1, 4, 8)  # of pass@k; those above samples are left out
    temperature: float = Field(1.0, gt=0.0, le=2.0)
    max_tokens: int = Field(2560, ge=1)
    max_examples: int = Field(0, ge=0)  # of the split, drawn by hash; 0: all
    split: Literal["test", "validation"] = "test"
    resamples: int = Field(2000, ge=100)  # of the bootstrap
    confidence: float = Field(0.95, gt=0.5, lt=1.0)
    benchmarks: tuple[Benchmark, ...] = ()
    batch: int = Field(64, ge=1)


class PromoteCheckpoint(Part):
    """What a checkpoint must show before a channel points to it."""

    against: str = ""  # an experiment; empty: the base arm of the same seed
    max_hack_rate: Share = 0.005
    max_verifier_failure_share: Share = 0.001
