// Walks through the API with bigbluebutton-js, and prints what each step returns: a line of JSON for each.
//
//     node walk.mjs URL SECRET

import bigbluebutton from 'bigbluebutton-js'

// How often, and with how many milliseconds in between, a recording is looked for.
const TRIES = 60
const PAUSE = 250

// The library does not decode what stands in elements, so that there is nothing to be escaped.
const MEETING = 'walk js/1 + ü'

const [url, secret] = process.argv.slice(2)
const { administration, monitoring, recording, hooks } = bigbluebutton.api(url, secret)
const call = bigbluebutton.http

const show = (step, answer) => console.log(JSON.stringify({ step, answer }))

// What a browser is answered in the end, before it leaves the API.
async function visit(target) {
  let answer
  for (let hops = 0; hops < 2; hops++) {
    answer = await fetch(target, { redirect: 'manual', signal: AbortSignal.timeout(30000) })
    target = answer.headers.get('location') ?? ''
    if (!target.includes('/bigbluebutton/api/')) break
  }
  return { status: answer.status, location: target, session: (answer.headers.get('set-cookie') ?? '').includes('JSESSIONID') }
}

// A list with nothing but what this walk made: others walk too.
const listed = (items) => (Array.isArray(items) ? items : []).filter((item) => item?.meetingID === MEETING)

const passwords = { attendeePW: 'apw', moderatorPW: 'mpw' }
const wanted = { ...passwords, record: true, welcome: 'Grüß Gott +1 %', 'meta_Course': 'ü <1>' }

show('info before', await call(monitoring.getMeetingInfo(MEETING)))
show('running before', await call(monitoring.isMeetingRunning(MEETING)))
for (const step of ['create', 'create again']) {
  show(step, await call(administration.create('Algebra & more', MEETING, wanted)))
}
show('create with other passwords', await call(administration.create('x y', MEETING, { ...wanted, attendeePW: 'other' })))
show('running', await call(monitoring.isMeetingRunning(MEETING)))
show('join', await visit(administration.join('Jörg O. Hara', MEETING, 'apw', { userID: 'u 1', 'userdata-x': '(a)~*' })))
show('join without a redirect', await call(administration.join('Ada', MEETING, 'mpw', { redirect: false })))
show('info', await call(monitoring.getMeetingInfo(MEETING)))
show('running with users', await call(monitoring.isMeetingRunning(MEETING)))
const meetings = await call(monitoring.getMeetings())
if (listed(meetings.meetings).length !== 1) throw new Error('the meeting is not listed')
show('meetings', { ...meetings, meetings: listed(meetings.meetings) })
show('end', await call(administration.end(MEETING, 'mpw')))
show('info after the end', await call(monitoring.getMeetingInfo(MEETING)))

let recordings
for (let tries = 0; tries < TRIES; tries++) {
  recordings = await call(recording.getRecordings({ meetingID: MEETING }))
  if (listed(recordings.recordings).length > 0) break
  await new Promise((resolve) => setTimeout(resolve, PAUSE))
}
show('recordings', recordings)
const record = listed(recordings.recordings)[0].recordID
show('page of recordings', await call(recording.getRecordings({ recordID: record, offset: 0, limit: 5 })))
show('unpublish', await call(recording.publishRecordings(record, false)))
show('unpublished', await call(recording.getRecordings({ recordID: record, state: 'unpublished' })))
show('update', await call(recording.updateRecordings(record, { meta_course: 'geometry' })))
show('recording', await call(recording.getRecordings({ meetingID: MEETING, state: 'any', meta_course: '%metr%' })))
show('delete', await call(recording.deleteRecordings(record)))
show('delete again', await call(recording.deleteRecordings(record)))
show('recordings after', await call(recording.getRecordings({ meetingID: MEETING })))

const callback = 'http://127.0.0.1:1/hook?a=1'
const hook = await call(hooks.create(callback, { meetingID: MEETING, getRaw: true }))
show('hook', hook)
show('hook again', await call(hooks.create(callback, { meetingID: MEETING, getRaw: true })))
show('hooks', await call(hooks.list()))
show('hooks of another meeting', await call(hooks.list({ meetingID: 'another' })))
show('destroy the hook', await call(hooks.destroy(hook.hookID)))
show('destroy it again', await call(hooks.destroy(hook.hookID)))
show('hooks after', await call(hooks.list()))

const stranger = bigbluebutton.api(url, `${secret}x`)
show('a wrong secret', await call(stranger.administration.create('x y', MEETING, wanted)))
