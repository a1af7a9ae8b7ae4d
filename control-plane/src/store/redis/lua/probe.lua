-- Tells which of the commands that are needed the user may not run. KEYS[1]: a key that means nothing.
local key = KEYS[1]
local commands = {
  { 'SET', key, '' },
  { 'GET', key },
  { 'DEL', key },
  { 'TIME' },
  { 'HSET', key, 'field', '1' },
  { 'HSETNX', key, 'field', '1' },
  { 'HINCRBY', key, 'field', '1' },
  { 'HGET', key, 'field' },
  { 'HEXISTS', key, 'field' },
  { 'HLEN', key },
  { 'HSCAN', key, '0' },
  { 'HDEL', key, 'field' },
  { 'XADD', key, '*', 'field', '1' },
  { 'XRANGE', key, '-', '+' },
  { 'XREVRANGE', key, '+', '-' },
  { 'XREAD', 'STREAMS', key, '0' },
  { 'DEL', key },
  { 'ZADD', key, '1', 'member' },
  { 'ZCARD', key },
  { 'PEXPIRE', key, '1000' },
  { 'ZREMRANGEBYSCORE', key, '-inf', '+inf' },
}
-- What this is called by those that name it, by Redis 6 and 7.0, and by Redis 7.2, 8 and Valkey.
local refusals = { 'NOPERM', "can't run this command", 'ACL failure' }
local answer = { 'probed', '' }
for _, command in ipairs(commands) do
  local result = redis.pcall(unpack(command))
  -- Anything else that is wrong, such as too little memory, may pass.
  local wrong = type(result) == 'table' and result.err or ''
  for _, refusal in ipairs(refusals) do
    if string.find(wrong, refusal, 1, true) then
      table.insert(answer, string.lower(command[1]))
      break
    end
  end
end
return answer
