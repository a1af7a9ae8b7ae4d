-- Where Redis is in which history, and how that relates to the revision which the caller knows.
local older = redis.call('XREVRANGE', changes, ARGV[2], '-', 'COUNT', 1)[1]
local records = 0
for _, table in pairs(tables) do
  records = records + redis.call('HLEN', table)
end
return {
  'position',
  last(),
  redis.call('GET', epoch) or '',
  redis.call('GET', restoring) or '',
  -- The last entry that is not newer than what the caller knows.
  older and older[1] or '',
  tostring(records),
}
