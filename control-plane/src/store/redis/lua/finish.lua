-- Begins the new history with what was restored. ARGV[1]: its epoch.
if redis.call('GET', restoring) ~= ARGV[1] then
  return { 'history' }
end
redis.call('DEL', restoring)
redis.call('SET', epoch, ARGV[1])
append(ARGV[1], '[]')
return { 'finished' }
