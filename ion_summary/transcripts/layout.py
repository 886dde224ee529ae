"""Which files of a directory may be transcripts, and which of them belong together as one export?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

# The last is what Claude Code keeps of the output of tools, beside its logs.
_JUNK = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini", "lost+found", "tool-results"})
# What chats carry along: nothing to read in it, and thousands of them lie in one export.
_MEDIA = re.compile(
    r"\.(?:jpe?g|png|gif|webp|heic|bmp|svg|ico|mp[34]|m4[av]|mov|avi|webm|wav|ogg|opus|aac|amr|3gp|vcf|dat|tgs)$", re.I
)
# What an export holds beside its conversations. Each counts only where the file it goes with lies in the same
# directory, so that a transcript of one of these names is still found elsewhere.
_BESIDE = (
    (
        re.compile(r"conversations(?:-\d+)?\.json$"),
        re.compile(
            r"^chat\.html$|^projects$|^export_manifest\.json$|conversations\.json\.index$"
            r"|^(?:user|users|user_settings|message_feedback|shared_conversations|group_chats|shopping|sora|projects|memories)"
            r"\.json$"
        ),
    ),
    (re.compile(r"agent-.+\.jsonl$"), re.compile(r"^agent-.+\.meta\.json$")),
    (
        re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.jsonl$"),
        re.compile(r"^(?:sessions-index\.json|memory)$"),
    ),
    # Gemini CLI's directory of a project: its sessions are in ``chats``, and hold what these hold.
    (re.compile(r"chats$"), re.compile(r"^(?:logs\.json|shell_history|checkpoints?(?:-.*)?(?:\.json)?)$")),
    (
        re.compile(r"inbox$"),  # of Facebook and Instagram
        re.compile(
            r"^(?:autofill_information|secret_conversations|secret_groups|community_chats_settings|chat_invites_received"
            r"|information_about_your_devices|messaging_settings|support_messages|your_cross-app_messaging_settings"
            r"|messenger_contacts_you.ve_blocked)\.json$"
        ),
    ),
)
_SLACK_LISTS = frozenset({"users.json", "channels.json", "groups.json", "dms.json", "mpims.json"})
_SLACK_BESIDE = re.compile(
    r"(?:users|org_users|channels|groups|dms|mpims|integration_logs|canvases|lists|file_conversations"
    r"|huddle_transcripts|content_flags)\.json$"
)
_SLACK_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\.json$")
# A file split by the application: what is before the number, the number, what is after it.
_SHARDS = (
    re.compile(
        r"(?P<before>Talk_\d{4}\.\d{1,2}\.\d{1,2} .*-)(?P<number>\d{1,3})(?P<after>\.txt)$"
    ),  # KakaoTalk for iOS
    re.compile(r"(?P<before>.*?)(?: \[part (?P<number>\d{1,4})\])?(?P<after>\.json)$"),  # DiscordChatExporter
)
# Facebook and Instagram number the files of a chat, whose directory lies in one of these.
_MESSENGER_SHARD = re.compile(r"(?P<before>message_)(?P<number>\d{1,4})(?P<after>\.json)$")
_MESSENGER = frozenset(
    {"inbox", "archived_threads", "filtered_threads", "message_requests", "e2ee_cutover", "legacy_threads", "broadcast"}
)


def hidden(name: str) -> bool:
    """Whether ``name`` is hidden, or one that only a machine knows."""
    return name in _JUNK or (name.startswith(".") and name not in (".", ".."))


def passed_over(names: Iterable[str]) -> dict[str, str]:
    """Those of the names of one directory that are no transcripts, each with the reason."""
    names = list(names)
    beside = [others for main, others in _BESIDE if any(map(main.match, names))]
    if is_slack(names):
        beside.append(_SLACK_BESIDE)
    found: dict[str, str] = {}
    for name in names:
        if hidden(name):
            found[name] = "hidden, or of no use to anybody but a machine"
        elif _MEDIA.search(name):
            found[name] = "media"
        elif any(each.search(name) for each in beside):
            found[name] = "a part of an export that holds no messages"
    return found


def is_slack(names: Iterable[str]) -> bool:
    """Whether a directory of these files is the top of a Slack export: one such list alone may be anything."""
    return len(_SLACK_LISTS.intersection(names)) > 1


def grouped(names: list[str], above: str, in_slack: Callable[[], bool]) -> list[list[str]]:
    """The sorted ``names`` of one directory, those together that one export was split into, in their order.

    ``above`` is the name of the directory above; ``in_slack`` whether that is the top of a Slack export, so that the
    files are the days of a channel.
    """
    days = [name for name in names if _SLACK_DAY.match(name)]
    if len(days) > 1 and in_slack():
        return [days, *([name] for name in names if name not in set(days))]
    shapes = (_MESSENGER_SHARD, *_SHARDS) if above in _MESSENGER else _SHARDS
    groups: dict[tuple[str, ...], list[tuple[int, str]]] = {}
    for name in names:
        shard = next(filter(None, (shape.match(name) for shape in shapes)), None)
        key = (shard["before"], shard["after"]) if shard else (name,)
        groups.setdefault(key, []).append((int(shard["number"] or 1) if shard else 1, name))
    return [[name for _, name in sorted(group)] for group in groups.values()]
