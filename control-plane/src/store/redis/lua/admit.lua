-- Lets one more user in, unless the tenant has as many as it may. KEYS[1]: the joins of the tenant by time; ARGV: the time up to which
-- joins have been seen, now, the users that were seen, the limit, a name for this join, milliseconds.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if tonumber(ARGV[3]) + redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then
  return { 'full' }
end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return { 'admitted' }
