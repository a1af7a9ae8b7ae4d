-- Restores records where there are none. ARGV[1]: the new epoch; ARGV[4]: milliseconds; ARGV[5]: the table; then fields and values.
if redis.call('GET', restoring) ~= ARGV[1] then
  return { 'history' }
end
redis.call('PEXPIRE', restoring, ARGV[4])
for i = 6, #ARGV, 2 do
  if ARGV[5] ~= 'meetings' then
    redis.call('HSETNX', tables[ARGV[5]], ARGV[i], ARGV[i + 1])
  elseif redis.call('HEXISTS', meetings, ARGV[i]) == 0 then
    put(ARGV[i], ARGV[i + 1])
  end
end
return { 'staged' }
