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
local answer = { 'probed', '' }
for _, command in ipairs(commands) do
  local result = redis.pcall(unpack(command))
  -- Anything else that is wrong, such as too little memory, may pass. The second is what Redis 6 says.
  local wrong = type(result) == 'table' and result.err or ''
  if string.find(wrong, 'NOPERM', 1, true) or string.find(wrong, "can't run this command", 1, true) then
    table.insert(answer, string.lower(command[1]))
  end
end
return answer
