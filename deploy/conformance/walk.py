"""Walks through the API with bigbluebutton_api_python, and prints what each step returns: a line of JSON for each.

    walk.py URL SECRET
"""

import json
import sys
import time
import urllib.error
import urllib.request

from bigbluebutton_api_python import BigBlueButton
from bigbluebutton_api_python.exception import BBBException

# How often, and with how many seconds in between, a recording is looked for.
TRIES, PAUSE = 60, 0.25

MEETING = "walk py/1 & ü"


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_):
        return None


def show(step, answer):
    print(json.dumps({"step": step, "answer": answer}, ensure_ascii=False, sort_keys=True), flush=True)


def plain(node):
    """What the library made of a document, without its own types."""
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(item) for item in node]
    return str(node)


def call(method, *arguments, **named):
    """What the library returns, or what it raises if the call failed."""
    try:
        return plain(method(*arguments, **named)["xml"])
    except BBBException as failure:
        return {"raised": str(failure)}


def visit(url):
    """What a browser is answered in the end, before it leaves the API."""
    opener = urllib.request.build_opener(Stay)
    for _ in range(2):
        try:
            opener.open(url, timeout=30)
            return {"status": 200}
        except urllib.error.HTTPError as answer:
            status, headers = answer.code, answer.headers
        url = headers.get("Location", "")
        if "/bigbluebutton/api/" not in url:
            break
    return {"status": status, "location": url, "session": "JSESSIONID" in headers.get("Set-Cookie", "")}


def listed(kind, item, answer):
    """A list with nothing but what this walk made: others walk too."""
    items = (answer.get(kind) or {}).get(item, [])
    items = items if isinstance(items, list) else [items]
    return {**answer, kind: [one for one in items if one["meetingID"] == MEETING]}


def main(url, secret):
    # The library keeps what it is given in its default arguments: each call gets its own.
    bbb = BigBlueButton(url + "/api/", secret)
    wanted = {"name": "Algebra & more", "attendeePW": "apw", "moderatorPW": "mpw", "record": True}
    show("version", call(bbb.get_api_version))
    show("info before", call(bbb.get_meeting_info, MEETING))
    show("running before", call(bbb.is_meeting_running, MEETING))
    for step in ("create", "create again"):
        show(step, call(bbb.create_meeting, MEETING, params=dict(wanted), meta={"Course": "ü <1>"}))
    show("create with other passwords", call(bbb.create_meeting, MEETING, params={**wanted, "attendeePW": "other"}))
    show("running", call(bbb.is_meeting_running, MEETING))
    show("join", visit(bbb.get_join_meeting_url("Jörg O'Hara", MEETING, "mpw", {"userID": "u 1"})))
    show("join as nobody", visit(bbb.get_join_meeting_url("Mallory", MEETING, "wrong password", {})))
    show("info", call(bbb.get_meeting_info, MEETING))
    show("running with a user", call(bbb.is_meeting_running, MEETING))
    meetings = listed("meetings", "meeting", call(bbb.get_meetings))
    assert len(meetings["meetings"]) == 1, "the meeting is not listed"
    show("meetings", meetings)
    show("end", call(bbb.end_meeting, MEETING, "mpw"))
    show("info after the end", call(bbb.get_meeting_info, MEETING))

    for _ in range(TRIES):
        recordings = listed("recordings", "recording", call(bbb.get_recordings, meeting_id=MEETING))
        if recordings["recordings"]:
            break
        time.sleep(PAUSE)
    show("recordings", recordings)
    record = recordings["recordings"][0]["recordID"]
    show("unpublish", call(bbb.publish_recordings, record, False))
    show("update", call(bbb.update_recordings, record, meta={"course": "geometry"}))
    show("recording", call(bbb.get_recordings, recording_id=record))
    show("delete", call(bbb.delete_recordings, record))
    show("delete again", call(bbb.delete_recordings, record))
    show("recordings after", call(bbb.get_recordings, meeting_id=MEETING))

    stranger = BigBlueButton(url + "/api/", secret + "x")
    show("a wrong secret", call(stranger.create_meeting, MEETING, params=dict(wanted)))


main(*sys.argv[1:])
