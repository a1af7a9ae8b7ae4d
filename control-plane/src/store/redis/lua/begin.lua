-- Begins to restore what Redis lost, or joins those who did. ARGV[1]: the epoch that is given up, or empty; ARGV[4]: a name for the
-- new one; ARGV[5]: milliseconds. Without an epoch nothing else is written.
if (redis.call('GET', epoch) or '') ~= ARGV[1] then
  return { 'history' }
end
redis.call('DEL', epoch)
if redis.call('SET', restoring, ARGV[4], 'NX', 'PX', ARGV[5]) then
  -- Wakes the other control planes, so that they join.
  append(ARGV[4], '[]')
end
return { 'restoring', '', redis.call('GET', restoring) }
