-- Places a meeting unless it has an instance already.
local field, wanted, leaving, placement, list, bound = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9] ~= ''
local limit = tonumber(ARGV[10])
-- From ARGV[11] on: the fields that the same meetingID has for other tenants.
if not unbroken() then
  return { 'history' }
end
local url, existing = placed(field)
if url and (url == wanted or url ~= leaving) then
  return { 'existing', last(), existing }
end
if limit and redis.call('HEXISTS', meetings, field) == 0 then
  if tonumber(redis.call('HGET', counts, tenant_of(field)) or 0) >= limit then
    return { 'full', last() }
  end
end
local number = number_in(placement)
if number and (redis.call('HGET', bridges, number) or field) ~= field then
  return { 'taken', last() }
end
local instance = redis.call('HGET', instances, wanted)
if not instance or not bound and (cjson.decode(instance).admission or 'open') ~= 'open' then
  return { 'not_open', last() }
end
for i = 11, #ARGV do
  if placed(ARGV[i]) == wanted then
    return { 'held', last() }
  end
end
put(field, placement)
return { 'placed', append(ARGV[1], list) }
