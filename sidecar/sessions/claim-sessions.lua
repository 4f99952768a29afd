-- Claims sessions for their owners, or renews the claims that they have.
--
-- KEYS[i]     the session: its owner
-- ARGV[1]     how long a claim lasts, milliseconds
-- ARGV[i+1]   who claims KEYS[i]
--
-- Returns for each 1 when it is the claimant's now, 0 when it is somebody else's. A key that holds no text is nobody's to
-- have.

local answers = {}
for i, key in ipairs(KEYS) do
  local before = redis.pcall('SET', key, ARGV[i + 1], 'NX', 'GET', 'PX', ARGV[1])
  if type(before) == 'table' and before.err then
    if string.sub(before.err, 1, 9) ~= 'WRONGTYPE' then return before end
    answers[i] = 0
  elseif before == false then
    answers[i] = 1
  elseif before == ARGV[i + 1] then
    redis.call('PEXPIRE', key, ARGV[1])
    answers[i] = 1
  else
    answers[i] = 0
  end
end
return answers
