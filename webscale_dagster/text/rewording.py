"""A question said in other words, by a table of synonyms: what a careless paraphrase does to it.

Makes text from text by a seeded generator; reads and writes nothing. The table is blunt on purpose:
it changes words that questions are mostly made of, keeps their order, and does not care for style.
"""

from __future__ import annotations

import math
import random
import re

LEAST, MOST = 0.1, 0.3  # share of a question's words that a rewording changes

_SYNONYMS = """
about=roughly after=following also=too although=though amount=quantity and=plus answer=reply
approximately=nearly are=were as=like at=near because=since before=prior began=started begin=start
best=finest between=amid big=large bought=purchased boy=lad boys=lads build=construct
built=constructed but=yet buy=purchase buys=purchases by=via calculate=compute called=named can=may
cause=produce change=alter changes=alters child=kid children=kids choose=pick city=town company=firm
complete=finish contains=holds cost=price costs=prices could=might country=nation decrease=drop
describes=depicts determine=establish difference=gap different=distinct during=throughout each=every
earns=makes easily=readily effect=impact equal=identical evaluate=assess example=instance
explain=clarify express=state fast=quick father=dad fewer=less find=determine first=initial
following=next for=per friend=pal friends=pals from=since gave=handed get=obtain gets=obtains
give=hand given=supplied gives=hands goes=heads great=huge greater=larger happens=occurs has=holds
have=hold help=aid high=tall home=house house=home if=supposing important=vital in=within
increase=rise initially=originally into=inside is=was job=task jobs=tasks keep=retain kind=sort
known=recognized large=big largest=biggest last=final less=fewer let=allow likely=probable
little=small long=lengthy made=produced main=chief major=chief make=produce makes=produces
many=numerous mean=signify means=signifies measure=gauge method=approach money=cash more=additional
most=greatest mother=mom movie=film must=should need=require needs=requires new=fresh now=currently
occur=happen often=frequently on=upon only=merely or=else order=sequence other=another out=outside
over=above own=possess part=portion people=persons person=individual pieces=bits place=spot
possible=feasible probability=chance problem=puzzle process=procedure purpose=aim question=query
rate=pace ratio=proportion received=got remaining=left result=outcome right=correct same=identical
school=academy sell=vend sells=vends several=some shop=store should=must show=display shows=displays
simplify=reduce since=because small=little smallest=tiniest so=thus solve=resolve some=several
speed=velocity spend=pay spends=pays spent=paid start=begin started=began statement=claim store=shop
student=pupil students=pupils study=examine such=similar take=grab takes=grabs than=versus
that=which the=this their=those then=next there=here these=those think=believe this=that
times=occasions to=toward together=jointly took=grabbed total=overall type=sort under=beneath
until=till use=employ used=employed uses=employs using=employing usually=normally want=wish
wants=wishes was=is way=manner weight=mass went=headed were=are what=which when=whenever
where=wherein which=what while=whilst who=whoever whole=entire will=shall with=using within=inside
without=lacking work=labor works=labors world=globe would=might year=annum years=annums
"""
_OTHER = dict(pair.split("=") for pair in _SYNONYMS.split())
_WORD = re.compile(r"[A-Za-z]+")


def reword(question: str, draw: random.Random) -> str | None:
    """The question with a tenth to three tenths of its words changed; none if too few can be."""
    total = len(question.split())
    known = [found for found in _WORD.finditer(question) if found.group().lower() in _OTHER]
    fewest, most = math.ceil(LEAST * total), min(int(MOST * total), len(known))
    if not total or most < fewest:
        return None
    parts, at = [], 0
    for found in sorted(
        draw.sample(known, draw.randint(fewest, most)), key=lambda one: one.start()
    ):
        other = _OTHER[found.group().lower()]
        parts += [question[at : found.start()], other.capitalize() if _capital(found) else other]
        at = found.end()
    return "".join([*parts, question[at:]])


def _capital(found: re.Match[str]) -> bool:
    return found.group()[0].isupper()
