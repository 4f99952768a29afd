-- Says whose sessions are, and makes no claim: for a handshake that may yet be refused, and for a Redis that takes
-- none. A claim that is the claimant's is renewed where that may be done. A Redis without room still takes an expiry.
-- One that cannot save does not.
--
-- KEYS[i]     the session: its owner
-- ARGV[1]     how long a claim lasts, milliseconds
-- ARGV[i+1]   who claims KEYS[i]
--
-- Returns for each 1 when it is the claimant's, 0 when it is somebody else's, -1 when it is nobody's. A key that holds no
-- text is nobody's to have.

local answers = {}
for i, key in ipairs(KEYS) do
  local owner = redis.pcall('GET', key)
  if type(owner) == 'table' and owner.err then
    if string.sub(owner.err, 1, 9) ~= 'WRONGTYPE' then return owner end
    answers[i] = 0
  elseif owner == false then
    answers[i] = -1
  elseif owner == ARGV[i + 1] then
    redis.pcall('PEXPIRE', key, ARGV[1])
    answers[i] = 1
  else
    answers[i] = 0
  end
end
return answers
