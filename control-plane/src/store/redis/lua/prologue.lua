-- What the scripts begin with that deal with the state; they answer a word, the revision at which it is true or nothing, and the rest.
-- ARGV[1]: the caller's epoch; ARGV[2]: the last revision it knows; ARGV[3]: the length of the stream.
local epoch, restoring, changes, instances, tenants, meetings, recordings, hooks = unpack(KEYS)
local tables = { instances = instances, tenants = tenants, meetings = meetings, recordings = recordings, hooks = hooks }

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
