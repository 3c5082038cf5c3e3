"""Word lists that decide between "who" and "what", and that name units, places and groups.

Makes frozen sets and regular expression fragments; reads and writes nothing.
"""

from __future__ import annotations

from webscale_dagster.llm.verbs import word_set

PERSON_NOUNS = word_set(
    "person sovereign monarch man woman boy girl child son daughter brother sister father mother "
    "husband wife "
    "king queen prince princess emperor empress pope bishop archbishop cardinal priest saint "
    "monk nun pharaoh sultan caliph shah tsar president chancellor premier minister governor "
    "mayor senator congressman congresswoman representative ambassador diplomat politician "
    "statesman lawyer attorney judge justice general admiral colonel captain commander "
    "officer soldier leader ruler founder co-founder inventor discoverer scientist physicist "
    "chemist biologist mathematician astronomer philosopher historian economist psychologist "
    "sociologist anthropologist archaeologist engineer architect physician doctor surgeon "
    "nurse author writer novelist poet playwright journalist editor publisher translator "
    "critic painter sculptor artist photographer composer musician singer songwriter "
    "singer-songwriter rapper guitarist pianist violinist drummer conductor actor actress "
    "director producer screenwriter filmmaker comedian dancer model footballer player "
    "cricketer golfer boxer wrestler swimmer athlete runner driver coach manager businessman "
    "businesswoman entrepreneur banker merchant explorer navigator pilot astronaut cosmonaut "
    "teacher professor scholar theologian activist reformer abolitionist suffragist "
    "missionary rabbi chief chairman chairwoman chairperson secretary treasurer member "
    "candidate successor predecessor heir survivor winner recipient champion human american "
    "citizen european nobleman duke duchess count countess earl baron baroness lord lady "
    "knight viceroy regent librarian naturalist botanist zoologist grandchild "
    "great-grandchild grandson granddaughter grandfather grandmother nephew niece uncle aunt "
    "cousin widow bride friend rival assistant speaker head owner resident american-born "
    "atabeg emir khan shogun nawab raja maharaja nizam pasha vizier doge margrave "
    "stadtholder chieftain warlord patriarch abbot abbess dean marshal geologist bacteriologist "
    "meteorologist programmer designer illustrator cartoonist"
)

PLACE_NOUNS = (
    "village|town|city|river|lake|mountain|municipality|commune|suburb|island|district|county|"
    "province|peninsula|volcano|valley|parish|settlement|port|airport|university|castle|park|"
    "cathedral|waterfall|desert|region|neighbourhood|neighborhood|hamlet|railway station"
)

IRREGULAR_PLURALS = word_set(
    "people men women children species feet teeth mice geese data bacteria fungi nuclei "
    "larvae series percent genera phyla vertebrae alveoli criteria hertz dice sheep deer fish "
    "aircraft offspring stimuli radii vertices matrices indices axes"
)

# Last words of names that are not people's.
NOT_PEOPLE = word_set(
    "company inc corporation corp ltd university college school institute academy party "
    "council committee commission congress parliament senate government ministry department "
    "agency office bank group records entertainment pictures films studios productions press "
    "house association society union league federation foundation museum church army navy "
    "force forces club team band orchestra act treaty agreement war battle empire kingdom "
    "republic states kingdom nations city county state island islands river lake sea ocean "
    "mountain mountains valley street road court board authority service services systems "
    "technologies industries network channel television radio magazine times post journal "
    "news award prize festival games cup series revolution movement project program programme "
    "organization organisation railway airlines hospital center centre library theatre "
    "theater building bridge tower cathedral castle palace park station airport port district "
    "province region american british french german english indian italian spanish russian "
    "chinese japanese dutch greek roman romans europeans americans africa asia europe america "
    "kong york zealand international national royal general electric"
)

DURATIONS = (
    "seconds|minutes|hours|days|weeks|months|years|decades|centuries|milliseconds|microseconds|"
    "second|minute|hour|day|week|month|year|calendar days|business days"
)
UNITS = (
    "(?:square |cubic )?(?:kilo|centi|milli|nano)?(?:meters?|metres?)|(?:square |cubic |"
    "nautical )?miles?|"
    "(?:square |cubic )?(?:feet|foot|inches|inch|yards?)|(?:sq )?km2?|km²|hectares?|acres?|"
    "mm|cm|nm|"
    "(?:kilo|milli|micro)?grams?|kg|mg|tons?|tonnes?|metric tons?|pounds?|ounces?|lit(?:er|re)s?|"
    "millilit(?:er|re)s?|gallons?|degrees(?: Celsius| Fahrenheit| C| F)?|°C|°F|kelvins?|K|"
    "(?:kilo|mega|giga)?watts?|MW|GW|kW|volts?|amperes?|joules?|calories|kilocalories|newtons?|"
    "(?:kilo|mega|giga)?hertz|kHz|MHz|GHz|km/h|mph|kilomet(?:er|re)s per hour|miles per hour|"
    "meters per second|light[- ]years?|parsecs?|barrels?|bytes|kilobytes|megabytes|gigabytes|"
    "pascals?|atmospheres?|decibels?|dB|knots|" + DURATIONS
)
RATES = rf"(?:{UNITS})(?: per (?:{UNITS}|person|capita))?"

NUMBER_WORDS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|"
    "seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
)
NUMBER = (
    rf"(?:\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?|{NUMBER_WORDS})"
    r"(?: (?:million|billion|trillion|thousand|hundred))*"
)
QUALIFIER = (
    "about|approximately|around|roughly|nearly|almost|over|more than|less than|fewer than|at least|"
    "at most|up to|an estimated|only|some|just over|just under|exactly|a total of|as many as"
)

# Nouns whose "X of Y" defines a term: "Botany is the study of plants".
DEFINING = word_set(
    "study branch process science practice act action measure ability art method technique "
    "tendency rate amount ratio use theory state condition loss movement flow inflammation "
    "transfer conversion production formation removal breakdown application belief feeling "
    "fear system form type kind set group collection sequence series unit layer class force "
    "energy change exchange division fusion combination part point line region area quantity "
    "number degree distance capacity property law principle rule lack absence presence "
    "swelling infection disorder"
)

# Words that mean something else in every trade: their definition does not lead back to them.
TOO_GENERAL = word_set(
    "rule record cause effect treatment symptom test trial set list class type key field "
    "node string value event rate action task "
    "report order user account page block view group state model system function object "
    "variable number point line file process program plan policy budget goal market product "
    "service team project method problem solution condition item part form tool option role "
    "resource entry status label tag source change case level unit area test role rating "
    "profile template theme layout menu button session job run step feature field format "
    "message command script theory document website site article post blog survey study "
    "result map table index customer attribute tax family child person thing place time word "
    "name term concept idea example issue risk cost price loss gain proof argument statement "
    "definition reason purpose goal aim key answer formula equation remark rich poor "
    "difference distinction claim covenant advantage purpose main domain range image space "
    "structure relation operation challenge trick aim objective hope catch"
)

# Verbs whose agent is a person when it is named like one.
PERSON_VERBS = word_set(
    "write direct compose paint invent discover design found edit sculpt coin propose "
    "formulate describe illustrate translate introduce assassinate murder marry conduct "
    "choreograph film photograph prove develop create establish devise patent pioneer author "
    "isolate derive publish produce build name crown succeed defeat appoint kill draft lead "
    "command synthesize record perform sing play host narrate engrave carve record coin "
    "baptize portray co-write"
)
