-- Says whose sessions are, and makes no claim: for a handshake that may yet be refused, and for a Redis that takes
-- none. A claim that is the claimant's is renewed where that may be done. A Redis without room still takes an expiry.
-- One that cannot save does not.
--
-- KEYS and ARGV are those of claim-sessions.lua. No bridge is noted.
--
-- Returns two items for each. The first is 1 when it is the claimant's, 0 when it is somebody else's, -1 when it is
-- nobody's. A key that holds no text is nobody's to have. The second is the bridges that keep its frames, where this
-- one keeps them too and the session is the claimant's.

local answers = {}
local count = #KEYS / 2
for i = 1, count do
  local key = KEYS[i]
  local owner = redis.pcall('GET', key)
  local owned = 0
  answers[2 * i] = ''
  if type(owner) == 'table' and owner.err then
    if string.sub(owner.err, 1, 9) ~= 'WRONGTYPE' then return owner end
  elseif owner == false then
    owned = -1
  elseif owner == ARGV[2 * i + 2] then
    redis.pcall('PEXPIRE', key, ARGV[1])
    owned = 1
    if ARGV[2 * i + 3] ~= 'none' then
      local bridges = redis.pcall('GET', KEYS[count + i])
      if type(bridges) == 'string' then answers[2 * i] = bridges end
    end
  end
  answers[2 * i - 1] = owned
end
return answers
