-- Restores records where there are none. ARGV[1]: the new epoch; ARGV[4]: milliseconds; ARGV[5]: the table; then fields and values.
if redis.call('GET', restoring) ~= ARGV[1] then
  return { 'history' }
end
redis.call('PEXPIRE', restoring, ARGV[4])
for i = 6, #ARGV, 2 do
  redis.call('HSETNX', tables[ARGV[5]], ARGV[i], ARGV[i + 1])
end
return { 'staged' }
