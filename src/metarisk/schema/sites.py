"""From the words of records to the organs of metastasis: column names, event texts, biopsy sites.

The words are those of the MSK-MET columns (``DMETS_DX_CNS_BRAIN``), of TCGA's new tumour events
("Non-regional / Distant Lymph Nodes", "lung, liver, and brain"), and of the biopsy sites of checkpoint
inhibitor cohorts ("Ureter", "Lymph-node"). An unknown word is handed back, never taken for an organ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

# Words and phrases of each site, in the singular. The central nervous system stands under brain, the urinary
# tract under bladder, the uterus under female_genital; abdominal organs without an entry of their own
# (stomach, pancreas, spleen) under intra_abdominal; thyroid and mouth under head_and_neck.
_WORDS: dict[str, str] = {
    "bone": (
        "bone, osseous, skeletal, skeleton, spine, spinal, vertebra, vertebral, vertebrae, sacrum, "
        "sacral, rib, ribs, sternum, femur, femoral, humerus, scapula, clavicle, ilium, ischium, skull, "
        "marrow, hip, acetabulum, tibia, bone marrow, lumbar spine, pelvic bone, thoracic spine, cervical "
        "spine"
    ),
    "brain": (
        "brain, cerebral, cerebrum, cerebellum, cerebellar, cns, intracranial, leptomeninges, "
        "leptomeningeal, meninges, meningeal, dura, dural, spinal cord, central nervous system, cns "
        "brain, brain stem"
    ),
    "liver": "liver, hepatic, intrahepatic",
    "lung": "lung, pulmonary, bronchus, bronchial, endobronchial, intrapulmonary, lung lobe",
    "lymph_node": (
        "node, nodal, ln, lymphnode, lymphatic, axilla, axillary, supraclavicular, infraclavicular, "
        "hilar, perihilar, inguinal, paraaortic, paraortic, lymph node, para aortic, lymph"
    ),
    "adrenal": "adrenal, adrenal gland, suprarenal gland",
    "pleura": (
        "pleura, pleural, pleurae, intrapleural, hemithorax, pleural effusion, chest cavity, pleural "
        "space, lung pleura"
    ),
    "intra_abdominal": (
        "abdomen, abdominal, intraabdominal, peritoneum, peritoneal, omentum, omental, ascites, ascitic, "
        "mesentery, mesenteric, retroperitoneum, retroperitoneal, retroperitonium, retroperitoneo, "
        "pelvis, pelvic, pancreas, pancreatic, spleen, splenic, stomach, gastric, perigastric, paracolic, "
        "presacral, intra abdominal, cul de sac, abdominal fluid, ascitic fluid, paracolic gutter, porta "
        "hepatis"
    ),
    "skin": (
        "skin, cutaneous, subcutaneous, subcutis, subcut, subq, sq, dermis, dermal, epidermis, acral, "
        "scalp, subq tissue"
    ),
    "ovary": "ovary, ovarian, adnexa, adnexal",
    "mediastinum": "mediastinum, mediastinal, thymus",
    "kidney": "kidney, renal, perinephric, nephric",
    "bowel": (
        "bowel, colon, colonic, colorectal, rectum, rectal, rectosigmoid, cecum, ileum, jejunum, "
        "duodenum, sigmoid, intestine, intestinal, gastrointestinal, appendix, anus, anal, sigmoid colon, "
        "transverse colon, small bowel, large bowel, large intestine, small intestine"
    ),
    "bladder": (
        "bladder, ureter, ureteral, urethra, urethral, urinary, urinary tract, renal pelvis, penile "
        "urethra, bladder ut, urinary bladder"
    ),
    "breast": "breast",
    "female_genital": (
        "vagina, vaginal, paravaginal, uterus, uterine, endometrium, endometrial, cervix, vulva, vulvar, "
        "fallopian tube, female genital, uterine cervix, vaginal cuff, vaginal vault"
    ),
    "male_genital": (
        "prostate, prostatic, testis, testes, testicle, testicular, penis, penile, scrotum, scrotal, "
        "seminal vesicle, male genital"
    ),
    "head_and_neck": (
        "neck, oral, mouth, tongue, tonsil, oropharynx, hypopharynx, nasopharynx, pharynx, pharyngeal, "
        "larynx, laryngeal, submandibular, mandible, mandibular, maxilla, gingiva, buccal, palate, "
        "parotid, thyroid, pterygoid, head and neck, head neck, oral cavity, oral tongue, nasal cavity, "
        "floor of mouth, hard palate, base of tongue, salivary gland, buccal mucosa, buccal space, "
        "submandibular gland, infratemporal fossa"
    ),
    "biliary_tract": "biliary, gallbladder, cholangio, bile duct, biliary tract, gall bladder",
    "nervous_system": (
        "pns, nerve, plexus, nervous system, peripheral nerve, brachial plexus, peripheral nervous system"
    ),
    "other": (
        "muscle, musculature, psoas, thigh, buttock, shoulder, deltoid, calf, foot, leg, arm, groin, "
        "flank, eye, ocular, uvea, uveal, choroid, orbit, mucosa, mucosal, trachea, tracheal, diaphragm, "
        "heart, pericardium, pericardial, perineum, soft tissue, chest wall, abdominal wall, upper arm, "
        "carotid body"
    ),
}

# Words that leave a place unsaid: the record names something, and not all of it can be told.
_VAGUE = (
    "other, specify, unspecified, nos, visceral, systemic, multiple, disseminated, widespread, "
    "distant, biochemical, unknown, chest, thorax, thoracic, head, tumor bed, not available, not "
    "evaluated, iliac, locoregional, local, hemipelvis, primary"
)

# Words that change no place: sides, directions, and what was found there.
_FILLERS = (
    "left, right, l, r, lt, rt, bilateral, bilat, contralateral, ipsilateral, opposite, upper, lower, "
    "mid, middle, anterior, posterior, lateral, medial, central, external, internal, inner, outer, "
    "apex, base, wall, surface, space, tract, lobe, lul, gland, tissue, lesion, nodule, mass, tumor, "
    "tumour, metastasis, metastases, metastatic, met, recurrence, recurrent, recurred, invasion, fossa, "
    "bed, involvement, involving, regional, nonregional, non, only, site, of, the, in, to, with, a, an, "
    "s, dmets, dx, ever, carcinoma, carcinomatosis, malignant, malignancy, cancer, implant, disease, "
    "effusion, cavity, region, area, level, from"
)

# Next to a node these say which node it is, and name no organ.
_NODE_REGIONS = (
    "neck, cervical, pelvic, pelvis, mediastinal, mediastinum, retroperitoneal, retroperitoneum, iliac, "
    "thoracic, abdominal, mesenteric, submandibular, peritoneal, axillary, axilla, inguinal, groin, "
    "hilar, perihilar, portal, supraclavicular, suprasternal, notch, distant, jugular, ib, head neck"
)

# A fragment with one of these may deny what it names.
_NEGATIONS = frozenset({"no", "not", "without", "negative", "free", "absent", "never"})

# Cells that speak of no place at all.
_NOTHING = ("", "na", "n/a", "none", "not applicable", "[not applicable]")

# Cohorts write few different texts; a service may meet many.
REMEMBERED = 10_000

_SEPARATORS = re.compile(r"[,;/|&+()\[\]:]|\band\b")
_WORD = re.compile(r"[a-z0-9]+")
_HEAD_AND_NECK = re.compile(r"head\s*(?:and|&)\s*neck")


class SitesRead(NamedTuple):
    """What a text says about places.

    Attributes
    ----------
    sites
        Organs that it names.
    vague
        True where it says that there is a place, and not which.
    unknown
        Words that no vocabulary has.
    """

    sites: frozenset[str]
    vague: bool
    unknown: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """True where every place that the text speaks of is named."""
        return bool(self.sites) and not self.vague and not self.unknown


@lru_cache(maxsize=REMEMBERED)
def site_of(text: str) -> str | None:
    """The one site that a text names; None where it names none, several, or has an unknown word.

    Parameters
    ----------
    text
        A cell or a column name; case, plurals, sides and separators do not matter.
    """
    read = sites_in(text)
    return next(iter(read.sites)) if len(read.sites) == 1 and read.complete else None


@lru_cache(maxsize=REMEMBERED)
def sites_in(text: str) -> SitesRead:
    """Every site that a text names, and what of it cannot be told; the text is read as by `site_of`."""
    if text.strip().lower() in _NOTHING:
        return SitesRead(frozenset(), False, ())
    plain = _HEAD_AND_NECK.sub("head neck", text.lower().replace("_", " "))
    return united(_read_fragment(_WORD.findall(part)) for part in _SEPARATORS.split(plain))


def united(readings: Iterable[SitesRead]) -> SitesRead:
    """Several readings as one."""
    sites: frozenset[str] = frozenset()
    unknown: list[str] = []
    vague = False
    for reading in readings:
        sites |= reading.sites
        vague |= reading.vague
        unknown += reading.unknown
    return SitesRead(sites, vague, tuple(unknown))


def _read_fragment(words: list[str]) -> SitesRead:
    """Places of a fragment without separators, the longest known phrase first."""
    known, unknown = _phrases(words)
    if not _NEGATIONS.isdisjoint(unknown):
        return SitesRead(frozenset(), True, tuple(unknown))
    if any(site == "lymph_node" for _, site in known):
        known = [(phrase, site) for phrase, site in known if phrase not in NODE_REGIONS]
        unknown = [word for word in unknown if word not in NODE_REGIONS]
        known.append(("node", "lymph_node"))
    sites = frozenset(site for _, site in known if site)
    return SitesRead(sites, any(not site for _, site in known), tuple(unknown))


def _phrases(words: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Known phrases with their site (empty text: vague), and the words that are neither known nor fillers."""
    known: list[tuple[str, str]] = []
    unknown: list[str] = []
    at = 0
    while at < len(words):
        length = next((n for n in range(LONGEST, 0, -1) if _phrase(words, at, n) in PLACES), 0)
        if length:
            phrase = _phrase(words, at, length)
            known.append((phrase, PLACES[phrase]))
        elif not (words[at] in FILLERS or _singular(words[at]) in FILLERS or words[at].isdigit()):
            unknown.append(words[at])
        at += max(length, 1)
    return known, unknown


def _phrase(words: list[str], at: int, length: int) -> str:
    """Words as a known phrase, else with the last one in the singular; empty text where fewer are left."""
    taken = words[at : at + length]
    if len(taken) < length:
        return ""
    as_written = " ".join(taken)
    return as_written if as_written in PLACES else " ".join([*taken[:-1], _singular(taken[-1])])


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 2 and word.endswith("s") and not word.endswith("ss") else word


SITE_WORDS: dict[str, tuple[str, ...]] = {site: tuple(words.split(", ")) for site, words in _WORDS.items()}
FILLERS = frozenset(_FILLERS.split(", "))
NODE_REGIONS = frozenset(_NODE_REGIONS.split(", "))
# Phrase -> its site; empty text for a vague one.
PLACES: dict[str, str] = dict.fromkeys(_VAGUE.split(", "), "") | {
    phrase: site for site, phrases in SITE_WORDS.items() for phrase in phrases
}
LONGEST = max(len(phrase.split(" ")) for phrase in PLACES)
