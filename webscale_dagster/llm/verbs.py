"""English verb forms for questions: which words are finite verbs, and what their base form is.

Makes ``PAST``, ``PARTICIPLE``, ``PRESENT`` (form -> base) from a list of common verbs; reads and
writes nothing. A verb that is not listed is not recognised: a sentence lost, never a broken one.
"""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


# base past participle, for verbs that do not simply take -ed
_IRREGULAR = """
be was been|bear bore borne|beat beat beaten|become became become|begin began begun|bend bent bent
bind bound bound|bite bit bitten|blow blew blown|break broke broken|breed bred bred
bring brought brought|build built built|burn burned burned|buy bought bought|catch caught caught
choose chose chosen|come came come|cost cost cost|cut cut cut|deal dealt dealt|dig dug dug
do did done|draw drew drawn|drive drove driven|eat ate eaten|fall fell fallen|feed fed fed
feel felt felt|fight fought fought|find found found|flee fled fled|fly flew flown
forbid forbade forbidden|forget forgot forgotten|freeze froze frozen|get got gotten
give gave given|go went gone|grow grew grown|hang hung hung|have had had|hear heard heard
hide hid hidden|hit hit hit|hold held held|keep kept kept|know knew known|lay laid laid
lead led led|leave left left|lend lent lent|let let let|lie lay lain|lose lost lost|make made made
mean meant meant|meet met met|overthrow overthrew overthrown|pay paid paid|put put put
read read read|ride rode ridden|ring rang rung|rise rose risen|run ran run|say said said
see saw seen|seek sought sought|sell sold sold|send sent sent|set set set|shake shook shaken
shine shone shone|shoot shot shot|show showed shown|shrink shrank shrunk|shut shut shut
sing sang sung|sink sank sunk|sit sat sat|sleep slept slept|speak spoke spoken|spend spent spent
spin spun spun|split split split|spread spread spread|stand stood stood|steal stole stolen
stick stuck stuck|strike struck struck|swear swore sworn|sweep swept swept|swim swam swum
take took taken|teach taught taught|tear tore torn|tell told told|think thought thought
throw threw thrown|undergo underwent undergone|understand understood understood|wear wore worn
weave wove woven|win won won|withdraw withdrew withdrawn|write wrote written
rebuild rebuilt rebuilt|overtake overtook overtaken|oversee oversaw overseen
"""

_REGULAR = """
abandon abolish absorb accept accommodate accompany accomplish account accumulate achieve acquire
act activate add address adjust administer admit adopt advance advise affect agree aid aim allow
alter amend amount announce annex appear apply appoint approach approve argue arise arrange arrest
arrive assassinate assemble assess assign assist associate assume attach attack attain attempt
attend attract attribute authorize average award balance ban base belong benefit bill block boil
bomb book border borrow bottle brand broadcast bury calculate call campaign capture carry carve
cast catalyze categorize cause cease celebrate center challenge change characterize charge charter
circulate claim classify climb close coat code coin collaborate collapse collect colonize combine
command commence commission commit communicate compare compete compile complete compose comprise
compute conceive conclude condemn conduct confer confirm connect conquer consider consist
constitute construct consume contain contest continue contract contribute control convene convert
convict convince cook cool coordinate copy coronate correspond count cover create credit criticize
cross crown cultivate cure damage date debut decide declare decline decorate decrease dedicate
defeat defend define defy deliver demand demolish demonstrate denote deny depart depend depict
deploy deposit derive descend describe design destroy detect determine develop devote devise
diagnose die differ digest direct disappear discharge discontinue discover discuss display
dissolve distinguish distribute diverge divide donate double draft drain drop earn edit educate
elect eliminate embark emerge emigrate emit employ enable enact enclose encode encompass encounter
encourage end endorse endow enforce engage engrave enhance enjoy enlarge enlist enroll ensure
enter entitle equal equip erect erupt escape establish estimate evaluate evolve examine exceed
excavate exchange execute exhibit exile exist expand expel experience explain explode exploit
explore export express extend extract face facilitate fail feature file fill film filter finance
finish fire fit fix float flood flourish flow focus follow force form formalize formulate found
fund function gain gather generate govern graduate grant gross guarantee guard guide halt handle
happen head heal heat help highlight hire host house identify illustrate imagine immigrate
implement imply import impose imprison improve inaugurate include incorporate increase indicate
induce infect influence inform inhabit inherit inhibit initiate injure insert inspect inspire
install instruct insure integrate intend interact interpret interview introduce invade invent
invest investigate invite involve irrigate issue join joke judge jump kick kill label lack land
last launch learn legalize license like limit link list live locate lock look lower maintain
manage manufacture march mark market marry master match matter mature measure melt mention merge
migrate mine mix modify monitor mount move multiply murder name need neglect negotiate nominate
note notice obey observe obtain occupy occur offer open operate oppose orbit order organize
originate outlaw own paint participate pass patent patrol peak perceive perform permit persuade
photograph pioneer place plan plant play please point pollinate pose possess pour power practice
praise precede predict prefer prepare prescribe present preserve press prevent print proceed
process proclaim procure produce program prohibit project prolong promise promote prompt propose
prosecute protect protest prove provide publish pump punish purchase pursue push qualify question
quote race raise rank ratify reach react realize receive recognize recommend reconstruct record
recover recruit reduce refer refine reflect reform refuse regain regard register regulate reign
reject relate release relocate remain remove rename render renounce renovate repair repeal repeat
replace reply report represent reproduce request require rescue research reserve reside resign
resist resolve respond rest restore restrict result resume retain retire return reunite reveal
reverse revise revolt revolve reward rotate rule sail sample satisfy save scale scatter schedule
score search secede secrete secure select separate serve settle shape share shift ship shorten
sign signal sink slow smoke solve sound span specialize specify sponsor stabilize staff stage
standardize star start starve state stay steam stem stimulate stop store stress stretch structure
study submit substitute succeed suffer suggest suit summarize supervise supply support surface
surpass surrender surround survive suspend sustain symbolize synthesize talk target tax team
telecast televise terminate test testify thrive tie tour trace track trade train transfer
transform translate transmit transport travel treat trigger triple try turn twist type unify unite
unveil update upgrade uphold use utilize vaccinate value vary venture view violate visit vote wait
walk want warn wash watch weigh weaken welcome widen witness work wound wrap yield depose dethrone
enthrone ordain simplify clarify amplify diversify intensify purify lean circle halve canonise
canonize fly inject insist hunt breed flee baptize baptise consecrate crash detonate dispatch
embed etch exterminate fertilize fortify heighten hypothesize inscribe juxtapose knight
memorialize mobilize motivate nationalize partition postulate privatize quadruple ransack raze
rebel rededicate reelect refute relinquish reorganise resettle resurface retreat revive sculpt
shell shoot slaughter smuggle spearhead square stipulate subdivide subsidize swap synthesise tame
topple torpedo unearth uproot veto vow wage wield worship bombard concentrate dominate symbolise
abbreviate coincide adapt tilt premiere relaunch reopen reorganize disband dub nickname pronounce
commemorate resemble harbor contrast cede retake recapture ally overlook adjoin flank
"""

# Third persons that are mostly plural nouns: they never count as a present-tense verb.
_NOUN_LIKE = word_set(
    "acts addresses advances aids aims answers approaches arms attacks attempts attributes "
    "awards balances bans bases benefits bills blocks bombs books borders brands burns calls "
    "campaigns casts causes challenges changes charges charters claims codes collapses "
    "commands compounds conducts contests contracts contrasts copies counts credits crosses "
    "crowns cuts damages dates deals debuts decreases defeats demands deposits designs "
    "details directs drafts drains drops effects ends estimates exhibits exiles experiences "
    "exploits exports extracts faces factors falls features files films filters fires fits "
    "flows focuses forces forms functions grants guards guides hands heads heats hosts houses "
    "imports increases influences interests interviews issues joints judges jumps kicks "
    "labels lands lasts launches laws lays leads leaves lies lights likes limits links lists "
    "lives loads locks looks markets marks masters matches matters means measures mines "
    "models mounts moves murders names needs notes notices numbers offers opens operates "
    "orders owns passes patents peaks permits photographs places plans plants plays points "
    "poses positions posts pours powers practices presents presses processes produces "
    "programs projects promises promotes protests pumps purchases questions quotes races "
    "raises ranks records reforms regards registers releases repairs replies reports requests "
    "researches reserves responds results returns reverses rewards rings rises rules runs "
    "sails samples scales schedules scores searches sections services sets shapes shares "
    "shifts ships shows signals signs sinks sits sounds spans splits spreads stages stands "
    "stars starts states stays steals stems steps sticks stores stresses stretches strikes "
    "structures studies substitutes supplies supports surfaces switches talks targets taxes "
    "teams tests ties tours traces tracks trades trains transfers transforms transports "
    "travels treats tries triggers triples turns twists types updates upgrades uses values "
    "ventures views visits votes walks watches wants waters works wounds wraps yields "
    "proceeds"
) - word_set(
    "covers holds causes uses leads shows means produces forms lies lasts measures runs "
    "operates owns lives features stands results spans"
)

_VOWELS = "aeiou"
# two-syllable verbs stressed on the last syllable double their consonant too
_DOUBLED = word_set(
    "admit annex ban commit compel confer control cut deter drop equip expel fit incur jog "
    "occur permit plan prefer program refer ship star stem step stop submit transfer transmit "
    "wrap"
)


def _third(base: str) -> str:
    if base in ("have", "do", "go"):
        return {"have": "has", "do": "does", "go": "goes"}[base]
    if base.endswith("y") and base[-2] not in _VOWELS:
        return base[:-1] + "ies"
    return base + ("es" if base.endswith(("s", "x", "z", "ch", "sh")) else "s")


def _regular_past(base: str) -> str:
    if base.endswith("e"):
        return base + "d"
    if base.endswith("y") and base[-2] not in _VOWELS:
        return base[:-1] + "ied"
    if base in _DOUBLED and base[-1] not in "xwy":
        return base + base[-1] + "ed"
    return base + "ed"


_Forms = dict[str, str]


def _tables() -> tuple[_Forms, _Forms, _Forms, _Forms]:
    past: dict[str, str] = {}
    participle: dict[str, str] = {}
    present: dict[str, str] = {}
    doubtful: dict[str, str] = {}
    for base in _REGULAR.split():
        past[_regular_past(base)] = base
        participle[_regular_past(base)] = base
        present[_third(base)] = base
    for entry in _IRREGULAR.replace("\n", "|").strip("|").split("|"):
        base, simple, done = entry.split()
        participle[done] = base
        if base != "be":
            past[simple] = base
            present[_third(base)] = base
    for noun in _NOUN_LIKE:
        if noun in present:
            doubtful[noun] = present.pop(noun)
    # "found" is the past of find; "founded", the past of found, is regular
    past["found"] = "find"
    participle["found"] = "find"
    participle["born"] = "bear"
    for spelling in tuple(participle):  # British spellings: organised, organised
        for american, british in (("ized", "ised"), ("yzed", "ysed")):
            if spelling.endswith(american):
                word = spelling[: -len(american)] + british
                base = past[spelling].replace("iz", "is").replace("yz", "ys")
                participle[word] = past[word] = base
    return past, participle, present, doubtful


PAST, PARTICIPLE, PRESENT, DOUBTFUL = _tables()
_SIMPLE_PAST = {base: form for form, base in PAST.items()}

# Verbs that name a state or a habit: "In what year did X live?" has no single answer.
STATIVE = word_set(
    "act appear average be belong border consist contain continue cost count depend differ "
    "estimate equal exist experience feature flow follow have hold include know lack last lie "
    "like live look mean need occur operate own participate play possess rank refer reflect "
    "remain report represent require reside say serve show span speak stand stay suffer "
    "suggest support tour travel use vary visit weigh want work write enjoy face consider "
    "argue believe note find measure increase decrease decline total rise fall grow gain earn "
    "spend receive make feel see think do account reveal show state note tell"
)


def simple_past(participle: str) -> str | None:
    """``written`` -> ``wrote``; None for a word that is no participle."""
    base = PARTICIPLE.get(participle)
    return None if base is None else _SIMPLE_PAST.get(base)
