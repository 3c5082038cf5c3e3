"""The recipe: everything that decides the bytes of a dataset, as one pydantic model.

Reads a TOML file (or a recipe shipped in ``recipes/``); writes nothing. One table per stage, named
as the stage. What changes only speed is run configuration and has no place here.
"""

from __future__ import annotations

import functools
import hashlib
import tomllib
from collections.abc import Collection
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from webscale_dagster.experiment import (
    CptCheckpoint,
    Evaluation,
    GrpoCheckpoint,
    PromoteCheckpoint,
    RefinedDocs,
    SftAnswers,
    SftCheckpoint,
    Training,
    is_trained,
)
from webscale_dagster.models import Budget, ModelChoice, Part, Price, model_from

# Stages that ask a model.
ASKING = ("filtered_docs", "personas", "qa_pairs", "verified_qa", "difficulty")
Band = Literal["trivial", "learnable", "hard", "broken"]  # of a pair's difficulty
BANDS: tuple[Band, ...] = get_args(Band)
# Tables that decide checkpoints and scores, and no byte of a dataset.
TRAINING = (
    *("training", "sft_answers", "refined_docs", "cpt_checkpoint", "sft_checkpoint"),
    *("grpo_checkpoint", "evaluation", "promote_checkpoint"),
)
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class RecipeError(ValueError):
    """A recipe that cannot be used; the message names the file, the field and the remedy."""


class RawCorpus(Part):
    """What a record must be to become a document."""

    max_record_bytes: int = Field(20_000_000, gt=0)
    max_file_bytes: int = Field(50_000_000_000, gt=0)  # decompressed; a cap on zip bombs
    max_compression_ratio: float = Field(1_000.0, gt=1)
    max_html_chars: int = Field(5_000_000, gt=0)  # of one page; extraction slows down beyond
    main_text: Literal["balanced", "precision", "recall"] = "balanced"  # of web pages
    max_reject_share: Share = 0.5  # above it the file is broken or read with wrong field names


@functools.cache
def _best_banding(threshold: float, permutations: int) -> tuple[int, int]:
    from datasketch import MinHashLSH

    # A missed pair stays for ever, a false candidate costs one exact comparison: 99 to 1.
    found = MinHashLSH(threshold=threshold, num_perm=permutations, weights=(0.01, 0.99))
    return found.b, found.r


class NearDuplicates(Part):
    """Shingles, signatures and the Jaccard at which a document is a duplicate."""

    shingle_words: int = Field(5, ge=1)
    permutations: int = Field(128, ge=16)
    bands: int = Field(0, ge=0)  # with rows, or both 0: chosen by datasketch's search
    rows: int = Field(0, ge=0)
    threshold: Share = 0.8
    related_threshold: Share = 0.6  # looser: such documents share a split

    @model_validator(mode="after")
    def _fits(self) -> NearDuplicates:
        if self.bands * self.rows > self.permutations:
            raise ValueError("bands * rows must not exceed permutations")
        if (self.bands == 0) != (self.rows == 0):
            raise ValueError("set both bands and rows, or neither")
        if self.related_threshold > self.threshold:
            raise ValueError("related_threshold must not exceed threshold")
        return self

    def banding(self) -> tuple[int, int]:
        """Bands and rows per band: those set, or the best for ``related_threshold``."""
        if self.bands:
            return self.bands, self.rows
        return _best_banding(self.related_threshold, self.permutations)


class Benchmarks(Part):
    """Which benchmark files are kept out, and how their questions are indexed."""

    uris: tuple[str, ...] = ()  # files or folders, ${ENV} expanded; none: the package's sample
    ngram_words: int = Field(4, ge=3)  # content words without numbers
    anchor_ngram_words: int = Field(3, ge=2)  # the same, of questions with few such runs
    short_ngram_words: int = Field(8, ge=4)  # all words, of sums and templates
    context_ngram_words: int = Field(13, ge=5)  # GPT-3 (2005.14165), appendix C
    max_questions_per_ngram: int = Field(10, ge=1)  # above it an n-gram is a stock phrase


class _Asking(Part):
    """What every stage that asks a model may set; ``model`` names one of ``[models]``."""

    model: str = ""  # empty: the recipe's [model]
    temperature: float = Field(0.0, ge=0.0, le=2.0)
    max_tokens: int = Field(1024, ge=16)
    max_unusable_share: Share = 0.2  # of rows without a usable reply: above it the model is wrong


class FilteredDocs(_Asking):
    """Language, quality rules (switch one off by naming it in ``rules_off``) and model verdict."""

    languages: tuple[str, ...] = ("en",)
    min_words: int = Field(50, ge=1)  # Gopher; the paper drops < 50 tokens
    max_words: int = Field(100_000, ge=1)
    rules: Literal["adapted", "published"] = "adapted"  # to corpora of every kind; for web pages
    rules_off: tuple[str, ...] = ()
    thresholds: dict[str, float] = Field(default_factory=dict)
    ask_model: bool = True

    @model_validator(mode="after")
    def _rules_exist(self) -> FilteredDocs:
        from webscale_dagster.text.quality import thresholds_of

        known = thresholds_of(self.rules)
        if unknown := sorted({*self.rules_off, *self.thresholds} - set(known)):
            raise ValueError(
                f"no quality rule is named {unknown[0]}; {self.rules} ones are {list(known)}"
            )
        return self


class Personas(_Asking):
    """Domain and personas."""

    max_personas: int = Field(3, ge=1, le=8)


class QaPairs(_Asking):
    """Question generation; ``max_tokens`` is for one pair, more where a call asks for more."""

    exemplars: int = Field(2, ge=0)
    max_answer_words: int = Field(12, ge=1)
    temperature: float = Field(0.7, ge=0.0, le=2.0)


class VerifiedQa(_Asking):
    """Free checks, then the model's verdicts; with ``second_model`` two models must accept."""

    second_model: str = ""  # names one of [models], best of another family; asked what is left

    min_question_words: int = Field(3, ge=1)
    max_question_words: int = Field(90, ge=1)
    max_answer_words: int = Field(12, ge=1)
    min_quote_score: Share = 0.95
    min_support: Share = 1.0  # of the answer's words of weight, in the quote
    # Of the question's words of weight, near the quote. Off: at 0.05 it rejected 224 sound pairs of
    # people's and caught 7 more wrong quotes.
    min_relevance: Share = 0.0
    max_leak_score: Share = 0.99  # of the answer's words of weight, in the question


class DecontaminatedSet(Part):
    """Overlap of pairs with benchmark questions."""

    max_overlap: Share = 0.7  # of a benchmark question's content, in order, weighted by rarity
    max_containment: Share = 0.5  # of a passage's n-grams or of an item's fingerprints
    number_changed: Literal["flag", "keep"] = "flag"  # the same problem with other numbers
    max_documents_per_saying: int = Field(20, ge=1)  # a short question in more is a quotation


class Difficulty(_Asking):
    """Samples of a policy for each pair, and the pass rates that decide its band.

    Off by default. ``model`` is the policy; a model that is trained later, or the one that wrote
    the pairs. An answer that is cut off at ``max_tokens`` counts as in training: mostly as wrong.
    """

    samples: int = Field(0, ge=0, le=1024)  # without the document, and as many with it; 0: none
    temperature: float = Field(1.0, ge=0.0, le=2.0)
    max_tokens: int = Field(2048, ge=16)
    trivial_from: float = Field(1.0, gt=0.0, le=1.0)  # closed-book rate of a trivial pair
    broken_to: float = Field(0.0, ge=0.0, lt=1.0)  # open-book rate up to which a pair is broken

    @model_validator(mode="after")
    def _differ(self) -> Difficulty:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("samples of temperature 0 are alike: raise it, or set samples = 1")
        return self


class RlSplits(Part):
    """Shares of the splits, balance, bands of difficulty, and when questions are duplicates."""

    sft: Share = 0.05
    validation: Share = 0.05
    test: Share = 0.05
    max_domain_share: Share = 1.0
    max_per_document: int = Field(8, ge=1)
    bands: tuple[Band, ...] = ()  # empty: every pair, whatever its band, known or not
    question_similarity: float = Field(0.7, gt=0, le=1)  # Jaccard, docs/data_quality.md
    question_shingle_words: int = Field(2, ge=1)
    question_shingle_characters: int = Field(5, ge=2)
    embedding_model: str = ""  # a folder with a transformers model; empty: words decide alone
    embedding_threshold: float = Field(0.95, gt=0, le=1)  # cosine
    system_prompt: str = ""
    answer_instruction: str = "Give the final answer on the last line as: Answer: <answer>"

    @model_validator(mode="after")
    def _fits(self) -> RlSplits:
        if self.sft + self.validation + self.test >= 1:
            raise ValueError("sft + validation + test must leave room for train")
        return self


class DatasetRelease(Part):
    """Gates a release must pass, and the channel it then moves."""

    channel: Literal["none", "candidate"] = "candidate"
    min_examples: int = Field(1, ge=0)
    min_domains: int = Field(1, ge=0)
    max_exact_leak_share: Share = 0.0
    allow_verified_by_rules: bool = True
    max_hack_rate: Share = 0.005  # of the red team's attacks; on 4,000 real pairs 0.0025 was seen
    max_verifier_failure_share: Share = 0.001  # of its attacks that get none: errors, timeouts
    attacks_on_examples: int = Field(1_000, ge=0)  # made of the examples, beside the package's own


class Recipe(Part):
    """One dataset version's settings, a table per stage."""

    name: str = Field("default", pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    seed: int = 17
    model: ModelChoice = ModelChoice()
    models: dict[str, ModelChoice] = Field(
        default_factory=dict
    )  # further ones, for stages that name them
    budget: Budget = Budget()
    annotate: Literal["separate", "merged"] = "separate"  # calls: the paper's, or fewer and larger
    domains: tuple[str, ...] = ()  # empty: every domain in domains/
    raw_corpus: RawCorpus = RawCorpus()
    near_duplicates: NearDuplicates = NearDuplicates()
    benchmarks: Benchmarks = Benchmarks()
    filtered_docs: FilteredDocs = FilteredDocs()
    personas: Personas = Personas()
    qa_pairs: QaPairs = QaPairs()
    verified_qa: VerifiedQa = VerifiedQa()
    decontaminated_set: DecontaminatedSet = DecontaminatedSet()
    difficulty: Difficulty = Difficulty()
    rl_splits: RlSplits = RlSplits()
    dataset_release: DatasetRelease = DatasetRelease()
    training: Training = Training()
    sft_answers: SftAnswers = SftAnswers()
    refined_docs: RefinedDocs = RefinedDocs()
    cpt_checkpoint: CptCheckpoint = CptCheckpoint()
    sft_checkpoint: SftCheckpoint = SftCheckpoint()
    grpo_checkpoint: GrpoCheckpoint = GrpoCheckpoint()
    evaluation: Evaluation = Evaluation()
    promote_checkpoint: PromoteCheckpoint = PromoteCheckpoint()

    @model_validator(mode="after")
    def _models_exist(self) -> Recipe:
        for stage in ASKING:
            named = getattr(self, stage).model
            self._must_exist(f"{stage}.model", named)
        self._must_exist("verified_qa.second_model", self.verified_qa.second_model)
        self._must_exist("refined_docs.model", self.refined_docs.model)
        judge, policy = self.grpo_checkpoint.judge, self.sft_answers.policy
        self._must_exist("grpo_checkpoint.judge", "" if judge.startswith("http") else judge)
        self._must_exist("sft_answers.policy", "" if is_trained(policy) else policy)
        if self.budget.max_cost is not None:
            for stage in ASKING:
                for model in self.models_of(stage):
                    if model.backend != "extractive" and model.price == Price():
                        raise ValueError(f"budget.max_cost needs the price of model {model.name}")
        return self

    def _must_exist(self, field: str, named: str) -> None:
        if named and named not in self.models:
            known = ", ".join(self.models) or "none"
            raise ValueError(f"{field}: no [models.{named}]; known: {known}")

    @model_validator(mode="after")
    def _checkers_judge(self) -> Recipe:
        both = self.models_of("verified_qa")
        if len(both) > 1 and "extractive" in [model.backend for model in both]:
            raise ValueError("verified_qa.second_model: extractive rules judge nothing; two models")
        if len(both) > 1 and both[0].identity == both[1].identity:
            raise ValueError("verified_qa.second_model must be another model than the first")
        return self

    @model_validator(mode="after")
    def _policy_exists(self) -> Recipe:
        if self.difficulty.samples and self.model_of("difficulty").backend == "extractive":
            raise ValueError(
                "difficulty.samples needs a policy: name one of [models] in difficulty.model, or "
                "set [model]; extractive rules cannot answer questions"
            )
        if self.rl_splits.bands and not self.difficulty.samples:
            raise ValueError("rl_splits.bands needs pass rates: set difficulty.samples")
        return self

    def models_of(self, stage: str) -> tuple[ModelChoice, ...]:
        """All models that a stage asks: its own, then the second checker."""
        second = self.verified_qa.second_model if stage == "verified_qa" else ""
        return (self.model_of(stage), *((self.models[second],) if second else ()))

    def model_of(self, stage: str) -> ModelChoice:
        """The model that a stage asks; of a stage that asks none, the recipe's."""
        named = getattr(getattr(self, stage, None), "model", "")
        return self.models[named] if named else self.model

    def with_model(self, text: str) -> Recipe:
        """The same recipe, with this model (``URL#NAME``) for the stages that name none."""
        return Recipe.model_validate(self.model_dump() | {"model": model_from(text)})

    def of_dataset(self) -> str:
        """Canonical JSON of what decides a dataset: all but the tables about training."""
        return self.model_dump_json(indent=2, exclude=set(TRAINING))

    def part(self, fields: Collection[str]) -> str:
        """Canonical JSON of some of its fields, for the code version of a stage they decide.

        A field is ``seed``, a table as ``rl_splits``, or ``table.field`` where only that decides.
        """
        wanted: dict[str, Any] = {name: True for name in fields if "." not in name}
        for table, _, field in (name.partition(".") for name in fields if "." in name):
            if wanted.get(table) is not True:
                wanted.setdefault(table, set()).add(field)
        return self.model_dump_json(include=wanted)


def parse_recipe(text: str, origin: str) -> Recipe:
    """A recipe from TOML text; ``origin`` names it in errors."""
    try:
        return Recipe.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{origin}: not valid TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "recipe"
        raise RecipeError(
            f"{origin}: {field}: {first['msg']}; see webscale_dagster/recipe.py for the fields"
        ) from None


def recipe_text(name_or_path: str) -> tuple[str, str]:
    """The TOML text of a recipe file, or of a recipe shipped with the package, and its origin."""
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not path.is_file():
            raise RecipeError(f"{path}: no such recipe file")
        return path.read_text(encoding="utf-8"), str(path)
    shipped = resources.files("webscale_dagster") / "recipes" / f"{name_or_path}.toml"
    if not shipped.is_file():
        folder = resources.files("webscale_dagster") / "recipes"
        known = ", ".join(sorted(p.name[:-5] for p in folder.iterdir() if p.name.endswith(".toml")))
        raise RecipeError(f"{name_or_path}: no such recipe; known: {known}, or name a .toml file")
    return shipped.read_text(encoding="utf-8"), f"recipe {name_or_path}"


def load_recipe(name_or_path: str) -> Recipe:
    """A recipe by the name of a shipped one, or by the path of a TOML file."""
    return parse_recipe(*recipe_text(name_or_path))


def content_hash(*parts: str | bytes) -> str:
    """Hex digest (24 digits, 96 bits) of length-prefixed parts: ids and versions are made of it."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:24]
