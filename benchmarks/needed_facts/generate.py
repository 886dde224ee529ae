"""Makes ``generated.jsonl`` from ``templates.txt`` and ``written.jsonl`` from ``written.txt``: the needed-facts set.

    python benchmarks/needed_facts/generate.py

A session in the text files is a line ``# kind language``, one line ``speaker: text`` per message (a line without a
speaker goes on with the message before), and a line ``= fact ; fact|other wording ; …`` with what a summary must keep.
In a template, ``{slot}`` stands for a value that is drawn once per session, ``{chat_…}`` for small talk. All is written
for this project; the same seed makes the same bytes.

People say much that nobody needs later: ``digressions.txt`` holds such messages by kind and language, and every session
is filled up with them, at random places, to a length that no summary can keep whole.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SEED = 20251026
PER_TEMPLATE = 5
LENGTHS = (1200, 2000)  # characters of a session
_SPEAKER = re.compile(r"^([\w가-힣][\w가-힣 ]{0,15}|\{[a-z]+\d\}): (.*)$")
_ROLES = {"U": "user", "A": "assistant"}

CHAT = {
    "chat_ko": [
        "U: 네\nA: 기다려 주셔서 감사합니다.",
        "U: 음 그렇군요",
        "U: 아 네네\nA: 혹시 더 궁금하신 점 있으실까요?",
        "U: 잠시만요 ㅎㅎ\nA: 네 천천히 하셔도 됩니다.",
        "U: 오 그렇구나",
        "A: 번거롭게 해드려 죄송합니다.\nU: 아니에요 괜찮아요",
        "U: 알겠습니다",
        "U: 네 이해했어요\nA: 네 감사합니다.",
    ],
    "chat_en": [
        "U: okay\nA: Thanks for bearing with me.",
        "U: hmm I see",
        "U: one second please\nA: Sure, take your time!",
        "U: Got it.",
        "A: I really appreciate your patience.\nU: no worries",
        "U: makes sense",
        "A: Is there anything unclear so far?\nU: no, all good",
    ],
    "bye_ko": [
        "U: 네 감사합니다\nA: 네, 좋은 하루 되세요!",
        "U: 알겠습니다 수고하세요\nA: 감사합니다 고객님.",
        "U: 네 고마워요",
    ],
    "bye_en": [
        "U: Thanks a lot!\nA: You're welcome, have a nice day!",
        "U: perfect, thank you",
        "U: ok great\nA: Anything else I can do for you?\nU: no that's all",
    ],
    "chat_room_ko": [
        "{p2}: 네 맞습니다.",
        "{p3}: 음 그렇죠.",
        "{p3}: 아 잠깐만요 화면이 안 보여요.\n{p1}: 지금은 보이시나요?\n{p3}: 네 보입니다.",
        "{p1}: 네 좋습니다.",
        "{p2}: 커피 드시면서 하시죠 ㅎㅎ",
    ],
    "chat_room_en": [
        "{q2}: Yeah, right.",
        "{q3}: Sorry, I was on mute.\n{q1}: No problem.",
        "{q1}: Okay, good.",
        "{q3}: Hm, true.",
        "{q2}: Could you repeat that?\n{q1}: Sure, no worries.",
    ],
    "chat_room2_ko": [
        "{n2}: ㅋㅋㅋㅋ",
        "{n3}: 오 좋다",
        "{n2}: 헐 대박",
        "{n3}: ㅇㅋㅇㅋ\n{n2}: ㅎㅎ",
        "{n1}: 사진\n{n2}: 우와",
    ],
    "chat_room2_en": [
        "{m2}: lol",
        "{m3}: nice",
        "{m2}: haha ok\n{m3}: :)",
        "{m3}: sounds good",
        "{m1}: yay",
    ],
}
WORDS = {
    "hi_ko": ["안녕하세요", "안녕하세요~", "저기요", "문의드려요.", "안녕하세요 수고하십니다."],
    "hi_en": ["Hi,", "Hello,", "Hey there,", "Good morning,", "Hi team,"],
    "item_ko": ["전기포트", "무선 이어폰", "공기청정기", "책상 조명", "캠핑 의자", "블루투스 키보드"],
    "item_en": ["toaster", "dishwasher", "desk lamp", "microwave", "vacuum cleaner", "keyboard"],
    "part_en": ["screen", "glass door", "base plate", "handle", "charging port"],
    "city_ko": ["부산", "대전", "광주", "강릉", "전주", "여수"],
    "city_en": ["Lisbon", "Manila", "Warsaw", "Lima", "Oslo"],
    "app_ko": ["가계부", "배달", "은행", "지도", "운동 기록"],
    "lib": ["requests", "sqlmodel", "torchvision", "httpx", "polars"],
    "exc": ["ImportError", "AttributeError", "ModuleNotFoundError", "ValidationError", "KeyError"],
    "file_py": ["train.py", "main.py", "sync_users.py", "report_gen.py", "etl/load.py"],
    "file_cfg": ["pyproject.toml", "setup.cfg", "config/base.yaml", "settings.ini"],
    "svc": ["myapp.service", "web-node", "legacy-api", "nodeapp"],
    "db": ["shop", "crm_prod", "tickets", "ledger"],
    "food_ko": ["막국수", "떡갈비", "회", "밀면", "칼국수"],
    "food_en": ["dumplings", "sushi", "tacos", "the new pizza place"],
    "place_en": ["Miller's Corner", "the Blue Door", "Harbor Street 12", "Café Luna"],
    "p1": ["팀장", "박부장", "정실장"], "p2": ["민수", "김대리", "오주임"], "p3": ["하은", "최과장", "서연"],
    "q1": ["Grace", "Chair", "Paul"], "q2": ["Nikhil", "Ada", "Tomas"], "q3": ["Ines", "Bruno", "Wei"],
    "n1": ["지훈", "수아", "예린"], "n2": ["도현", "미나", "태오"], "n3": ["보라", "건우", "하람"],
    "m1": ["Ella", "Joon", "Sven"], "m2": ["Pia", "Max", "Ruby"], "m3": ["Omar", "Lily", "Kai"],
    "proj_ko": ["예약 시스템", "회원 등급 개편", "모바일 앱", "재고 관리"],
    "proj_en": ["the new dashboard", "the billing service", "the mobile app", "the data warehouse"],
    "vendor_ko": ["한빛디자인", "스튜디오모아", "픽셀하우스"],
    "vendor_en": ["Boxwell", "Cartona", "GreenPack"],
    "time_ko": ["오전 10시", "오후 2시", "오후 6시 30분", "오전 9시 30분"],
    "time_en": ["7 pm", "6:30 pm", "noon", "8:15 pm"], "time2_en": ["5:45 pm", "11:20 am", "6:10 pm"],
}  # fmt: skip


def _number(chance: random.Random, slot: str) -> str:
    draw = chance.randint
    match slot:
        case "order":
            return chance.choice(
                [
                    f"{draw(20250101, 20251230)}-{draw(1000, 9999)}",
                    f"OD-{draw(100000, 999999)}",
                    f"KR{draw(10**7, 10**8)}",
                ]
            )
        case "ticket":
            return f"{chance.choice(['CS', 'TK', 'RF', 'ZX'])}-{draw(10000, 99999)}"
        case "code":
            return chance.choice([f"E-{draw(100, 999)}", f"ERR_{draw(1000, 9999)}", f"0x{draw(2**20, 2**24):06X}"])
        case "won" | "won2":
            return f"{draw(3, 90)},{chance.choice(['000', '500', '900'])}원"
        case "manwon" | "manwon2":
            return f"{draw(30, 900)}만원"
        case "usd" | "usd2" | "usd3":
            return f"${draw(5, 480)}" + chance.choice(["", ".50", ".99"])
        case "usd_k" | "usd2_k":
            return f"${draw(20, 480)},000"
        case "date_ko":
            return f"{draw(1, 12)}월 {draw(1, 28)}일"
        case "date_en":
            return (
                f"{chance.choice(['January', 'March', 'April', 'June', 'August', 'October', 'November'])} {draw(1, 28)}"
            )
        case "ver" | "ver2":
            return f"{draw(1, 9)}.{draw(0, 20)}.{draw(0, 9)}"
        case "pct":
            return f"{draw(20, 95)}%"
        case "port" | "pid":
            return str(draw(3000, 9999))
        case "sha":
            return f"{draw(2**24, 2**28 - 1):07x}"
        case "vat":
            return f"DE{draw(10**8, 10**9 - 1)}"
        case "acct":
            return f"카카오뱅크 3333-{draw(10, 99)}-{draw(10**6, 10**7 - 1)}"
        case "big":
            return f"{draw(1, 90)},{draw(100, 999)}"
        case "gb":
            return str(draw(80, 900))
        case "mins":
            return str(draw(11, 58))
        case "ndays3":
            return str(draw(10, 30))
    return str(draw(3, 9))  # ndays, ndays2


def fill(template: str, chance: random.Random) -> str:
    """``template`` with a value for every slot; the same slot has the same value throughout."""
    for name, variants in CHAT.items():
        while "{" + name + "}" in template:
            template = template.replace("{" + name + "}", chance.choice(variants), 1)
    values: dict[str, str] = {}

    def value(found: re.Match[str]) -> str:
        slot = found.group(1)
        if slot not in values:
            values[slot] = chance.choice(WORDS[slot]) if slot in WORDS else _number(chance, slot)
        return values[slot]

    return re.sub(r"\{([a-z_]+\d?(?:_[a-z]+)?)\}", value, template)


def blocks(text: str) -> Iterator[str]:
    """The sessions of a text file."""
    for block in re.split(r"^# ", text, flags=re.M)[1:]:
        yield block.strip("\n")


def session(block: str, number: str) -> dict[str, Any]:
    """The session that ``block`` describes."""
    head, *lines = block.split("\n")
    kind, language = head.split()
    messages: list[dict[str, str]] = []
    facts: list[str] = []
    for line in lines:
        found = _SPEAKER.match(line)
        if line.startswith("= "):
            facts = [fact.strip() for fact in line[2:].split(" ; ")]
        elif found and not line.startswith("`"):
            name, content = found.groups()
            messages.append(
                {"role": _ROLES[name], "content": content} if name in _ROLES else {"name": name, "content": content}
            )
        else:
            messages[-1]["content"] += "\n" + line
    return {"id": number, "kind": kind, "lang": language, "messages": messages, "facts": facts}


def digressions() -> dict[str, list[tuple[str, str]]]:
    """``(speaker, text)`` by "kind language"; mixed sessions have both languages."""
    banks: dict[str, list[tuple[str, str]]] = {}
    for block in blocks((HERE / "digressions.txt").read_text("utf-8")):
        head, *lines = block.split("\n")
        banks[head] = [(line[0], line[3:]) for line in lines]
    for kind in ("support", "assistant", "meeting", "room"):
        banks[f"{kind} mixed"] = banks[f"{kind} ko"][::2] + banks[f"{kind} en"][1::2]
    return banks


def digress(made: dict[str, Any], bank: list[tuple[str, str]], chance: random.Random) -> None:
    """Fills the session up with messages that nobody needs, never before its first message."""
    messages = made["messages"]
    people = list(dict.fromkeys(m["name"] for m in messages if "name" in m))
    length = sum(len(m["content"]) for m in messages)
    most = chance.randint(*LENGTHS)
    for speaker, text in chance.sample(bank, len(bank)):
        if length >= most:
            break
        who = {"role": _ROLES[speaker]} if speaker in _ROLES else {"name": people[int(speaker) % len(people)]}
        messages.insert(chance.randint(1, len(messages)), {**who, "content": text})
        length += len(text)


def write(path: Path, sessions: list[dict[str, Any]]) -> None:
    """One session per line. Every fact must be in the session: a typing error would make it impossible to keep."""
    for made in sessions:
        said = "\n".join(message["content"] for message in made["messages"])
        for fact in made["facts"]:
            assert any(
                wording in said or wording in {m.get("name") for m in made["messages"]} for wording in fact.split("|")
            ), (made["id"], fact)
    path.write_text("".join(json.dumps(made, ensure_ascii=False) + "\n" for made in sessions), encoding="utf-8")


def main() -> None:
    written = [
        session(block, f"written-{n}") for n, block in enumerate(blocks((HERE / "written.txt").read_text("utf-8")))
    ]
    chance = random.Random(SEED)
    banks = digressions()
    for one in written:
        digress(one, banks[f"{one['kind']} {one['lang']}"], chance)
    write(HERE / "written.jsonl", written)
    templates = list(blocks((HERE / "templates.txt").read_text("utf-8")))
    made = [
        session(fill(template, chance), f"generated-{n}-{i}")
        for n, template in enumerate(templates)
        for i in range(PER_TEMPLATE)
    ]
    for one in made:
        digress(one, banks[f"{one['kind']} {one['lang']}"], chance)
    write(HERE / "generated.jsonl", made)
    print(len(written), "written,", len(made), "generated")


if __name__ == "__main__":
    main()
