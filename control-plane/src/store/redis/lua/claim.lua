-- Places a meeting unless it has an instance already.
local field, wanted, leaving, placement, list = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
-- From ARGV[9] on: the fields that the same meetingID has for other tenants.
if not unbroken() then
  return { 'history' }
end
local url, existing = placed(field)
if url and (url == wanted or url ~= leaving) then
  return { 'existing', last(), existing }
end
local instance = redis.call('HGET', instances, wanted)
if not instance or (cjson.decode(instance).admission or 'open') ~= 'open' then
  return { 'not_open', last() }
end
for i = 9, #ARGV do
  if placed(ARGV[i]) == wanted then
    return { 'held', last() }
  end
end
redis.call('HSET', meetings, field, placement)
return { 'placed', append(ARGV[1], list) }
