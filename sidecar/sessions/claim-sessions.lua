-- Claims sessions for their owners, or renews the claims that they have. Notes which bridges keep the frames of each.
--
-- KEYS[i]        the session: its owner
-- KEYS[n+i]      the bridges that keep its frames, with spaces between them
-- ARGV[1]        how long a claim lasts, milliseconds
-- ARGV[2]        how long the bridges are remembered, milliseconds
-- ARGV[3]        the bridge that claims
-- ARGV[2i+2]     who claims KEYS[i]
-- ARGV[2i+3]     how the bridge keeps its frames: 'none', 'some' beside others, or 'all' that the others have
--
-- Returns two items for each. The first is 2 when it was nobody's and is the claimant's now, 1 when it is the claimant's as
-- before, 0 when it is somebody else's. A key that holds no text is nobody's to have. The second is the bridges as they
-- were before, where this one keeps them.

-- Four ids of 16 characters.
local MAX_NOTED = 4 * 17 - 1

local bridge = ARGV[3]

local function note(key, keeps, isNew)
  local before = redis.pcall('GET', key)
  -- Those of an earlier claim keep nothing of this one.
  if isNew or type(before) ~= 'string' then before = '' end
  local after = before
  if keeps == 'all' or before == '' then
    after = bridge
  elseif not string.find(before, bridge, 1, true) then
    after = string.sub(before .. ' ' .. bridge, -MAX_NOTED)
  end
  -- Without it no session is refused: its frames are not found then.
  redis.pcall('SET', key, after, 'PX', ARGV[2])
  return before
end

local answers = {}
local count = #KEYS / 2
for i = 1, count do
  local key, owner = KEYS[i], ARGV[2 * i + 2]
  local before = redis.pcall('SET', key, owner, 'NX', 'GET', 'PX', ARGV[1])
  local owned = 0
  if type(before) == 'table' and before.err then
    if string.sub(before.err, 1, 9) ~= 'WRONGTYPE' then return before end
  elseif before == false then
    owned = 2
  elseif before == owner then
    redis.call('PEXPIRE', key, ARGV[1])
    owned = 1
  end
  answers[2 * i - 1] = owned
  answers[2 * i] = ''
  local keeps = ARGV[2 * i + 3]
  if owned > 0 and keeps ~= 'none' then answers[2 * i] = note(KEYS[count + i], keeps, owned == 2) end
end
return answers
