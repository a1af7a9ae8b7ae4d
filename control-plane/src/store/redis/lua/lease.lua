-- Takes a lease, or extends it. KEYS[1]: the lease; KEYS[2]: the last token; ARGV[1]: the token held, or empty; ARGV[2]: milliseconds.
local holder = redis.call('GET', KEYS[1])
if ARGV[1] ~= '' then
  if holder ~= ARGV[1] then
    return { 'taken' }
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return { 'held', '', holder }
end
if holder then
  return { 'taken' }
end
-- The time makes tokens grow even after Redis was emptied; in microseconds it is exact in a double until the year 2255.
local time = redis.call('TIME')
local token = math.max(tonumber(redis.call('GET', KEYS[2]) or 0) + 1, time[1] * 1000000 + time[2])
token = string.format('%.0f', token)
redis.call('SET', KEYS[2], token)
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
return { 'held', '', token }
