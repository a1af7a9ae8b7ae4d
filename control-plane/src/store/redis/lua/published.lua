-- Reads a note. KEYS[1]: the note.
local note = redis.call('GET', KEYS[1])
if note then
  return { 'note', '', note }
end
return { 'none' }
