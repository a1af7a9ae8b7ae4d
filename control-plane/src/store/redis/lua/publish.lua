-- Leaves a note. KEYS[1]: the lease; KEYS[2]: the note; ARGV: the token held, the note, milliseconds.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return { 'lease_lost' }
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return { 'published' }
