-- Places a meeting unless it has an instance already.
local field, wanted, leaving, placement, list, bound = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9] ~= ''
-- From ARGV[10] on: the fields that the same meetingID has for other tenants.
if not unbroken() then
  return { 'history' }
end
local url, existing = placed(field)
if url and (url == wanted or url ~= leaving) then
  return { 'existing', last(), existing }
end
local instance = redis.call('HGET', instances, wanted)
if not instance or not bound and (cjson.decode(instance).admission or 'open') ~= 'open' then
  return { 'not_open', last() }
end
for i = 10, #ARGV do
  if placed(ARGV[i]) == wanted then
    return { 'held', last() }
  end
end
redis.call('HSET', meetings, field, placement)
return { 'placed', append(ARGV[1], list) }
