-- Writes all of the changes or none. KEYS[12]: the lease, if there is one.
local plan, list = cjson.decode(ARGV[4]), ARGV[5]
if not unbroken() then
  return { 'history' }
end
if plan.lease ~= cjson.null and redis.call('GET', KEYS[12]) ~= plan.lease then
  return { 'lease_lost' }
end
if plan.pool ~= cjson.null then
  if redis.call('HLEN', instances) ~= #plan.pool then
    return { 'other_pool' }
  end
  for _, url in ipairs(plan.pool) do
    if redis.call('HEXISTS', instances, url) == 0 then
      return { 'other_pool' }
    end
  end
end

local differing = { 'differing', '' }
for i, step in ipairs(plan.steps) do
  local now = redis.call('HGET', tables[step.table], step.field) or cjson.null
  if now ~= step.expected then
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

local function release(url, field)
  local placement = redis.call('HGET', meetings, field)
  if placement and cjson.decode(placement).instance == url then
    drop(field)
  end
end

-- What was placed on the instance since the caller looked.
local function release_latest(url)
  for _, entry in ipairs(redis.call('XRANGE', changes, ARGV[2], '+')) do
    for _, change in ipairs(cjson.decode(entry[2][6])) do
      if change.placed and change.placed[2].instance == url then
        release(url, change.placed[1].tenant .. '/' .. change.placed[1].key)
      end
    end
  end
end

-- In their order, as every replica applies them.
for _, step in ipairs(plan.steps) do
  if step.table == 'meetings' and step.value ~= cjson.null then
    put(step.field, step.value)
  elseif step.table == 'meetings' then
    drop(step.field)
  elseif step.value ~= cjson.null then
    redis.call('HSET', tables[step.table], step.field, step.value)
  else
    redis.call('HDEL', tables[step.table], step.field)
    if step.table == 'instances' then
      for _, field in ipairs(step.meetings) do
        release(step.field, field)
      end
      release_latest(step.field)
    end
  end
end
return { 'committed', append(ARGV[1], list) }
