-- What the scripts begin with that deal with the state; they answer a word, the revision at which it is true or nothing, and the rest.
-- ARGV[1]: the caller's epoch; ARGV[2]: the last revision it knows; ARGV[3]: the length of the stream.
local epoch, restoring, changes, instances, tenants, meetings, recordings, hooks, pasts, counts, bridges = unpack(KEYS)
local tables = {
  instances = instances,
  tenants = tenants,
  meetings = meetings,
  recordings = recordings,
  hooks = hooks,
  pasts = pasts,
}

-- What the caller knows is part of the history that the script is about to continue.
local function unbroken()
  return redis.call('GET', epoch) == ARGV[1] and #redis.call('XRANGE', changes, ARGV[2], ARGV[2]) == 1
end

local function last()
  local entry = redis.call('XREVRANGE', changes, '+', '-', 'COUNT', 1)[1]
  return entry and entry[1] or '0-0'
end

-- Every entry names its predecessor, so that a follower notices when one is missing.
local function append(history, list)
  return redis.call('XADD', changes, 'MAXLEN', '~', ARGV[3], '*', 'epoch', history, 'after', last(), 'changes', list)
end

-- The instance of a meeting, and its placement. One on an instance that does not exist is none.
local function placed(field)
  local placement = redis.call('HGET', meetings, field)
  if placement then
    local url = cjson.decode(placement).instance
    if redis.call('HEXISTS', instances, url) == 1 then
      return url, placement
    end
  end
end

-- What follows from the table of meetings is changed together with it, so that it never differs: how many meetings each tenant has, and
-- which of them has which number to dial.
local function tenant_of(field)
  return string.match(field, '^(.*)/')
end

local function number_in(placement)
  local number = cjson.decode(placement).voice_bridge
  return number and string.format('%d', number)
end

local function let_go(field, placement)
  local number = number_in(placement)
  if number and redis.call('HGET', bridges, number) == field then
    redis.call('HDEL', bridges, number)
  end
end

local function put(field, placement)
  local before = redis.call('HGET', meetings, field)
  if before then
    let_go(field, before)
  else
    redis.call('HINCRBY', counts, tenant_of(field), 1)
  end
  redis.call('HSET', meetings, field, placement)
  local number = number_in(placement)
  if number then
    redis.call('HSET', bridges, number, field)
  end
end

local function drop(field)
  local before = redis.call('HGET', meetings, field)
  if before then
    let_go(field, before)
    redis.call('HDEL', meetings, field)
    if redis.call('HINCRBY', counts, tenant_of(field), -1) <= 0 then
      redis.call('HDEL', counts, tenant_of(field))
    end
  end
end
