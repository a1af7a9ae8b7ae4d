-- Writes all of the changes or none. KEYS[7]: the lease, if there is one.
local plan, list = cjson.decode(ARGV[4]), ARGV[5]
if not unbroken() then
  return { 'history' }
end
if plan.lease ~= cjson.null and redis.call('GET', KEYS[7]) ~= plan.lease then
  return { 'lease_lost' }
end

local differing = { 'differing', '' }
for i, record in ipairs(plan.records) do
  local now = redis.call('HGET', tables[record.table], record.field) or cjson.null
  if now ~= record.expected then
    table.insert(differing, tostring(i))
    table.insert(differing, now == cjson.null and '' or now)
  end
end
if #differing > 2 then
  return differing
end
for _, url in ipairs(plan.needed) do
  if redis.call('HEXISTS', instances, url) == 0 then
    return { 'unplaceable', '', url }
  end
end

for _, record in ipairs(plan.records) do
  if record.value == cjson.null then
    redis.call('HDEL', tables[record.table], record.field)
  else
    redis.call('HSET', tables[record.table], record.field, record.value)
  end
end

-- The placements of removed instances go with them: those that the caller knows, and those that were written since.
local removed = {}
local function release(url, field)
  local placement = redis.call('HGET', meetings, field)
  if placement and cjson.decode(placement).instance == url then
    redis.call('HDEL', meetings, field)
  end
end
for _, instance in ipairs(plan.removed) do
  removed[instance.url] = true
  for _, field in ipairs(instance.fields) do
    release(instance.url, field)
  end
end
if next(removed) then
  for _, entry in ipairs(redis.call('XRANGE', changes, ARGV[2], '+')) do
    for _, change in ipairs(cjson.decode(entry[2][6])) do
      if change.placed and removed[change.placed[2].instance] then
        release(change.placed[2].instance, change.placed[1].tenant .. '/' .. change.placed[1].key)
      end
    end
  end
end
return { 'committed', append(ARGV[1], list) }
