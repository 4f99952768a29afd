-- Reads the latest frames of a channel's history and publishes a marker among the channel's messages, in one step. Begins a
-- history that is not there. (PROTOCOL.md, section 10)
--
-- KEYS[1]  the history, a stream
-- ARGV[1]  PUBLISH, in a cluster SPUBLISH
-- ARGV[2]  the marker's channel
-- ARGV[3]  the marker
-- ARGV[4]  how long the history is kept from now on, milliseconds
-- ARGV[5]  of which history frames are asked, by its beginning: '' for none, '*' for whichever there is
-- ARGV[6]  the number of the last frame that is not asked for
-- ARGV[7]  how many frames are read at most
-- ARGV[8]  how many bytes of frames are read at most
--
-- Returns the id of the last entry, the replication id, and the frames, the newest first. They end where one is not kept, and
-- where the bounds are reached.

local PAGE = 32

local key = KEYS[1]
local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
if not last then
  local now = redis.call('TIME')
  last = { now[1] .. string.format('%06d', now[2]) .. '-0', { 'origin' } }
  redis.call('XADD', key, last[1], 'origin', '')
end
if last[2][1] ~= 'frame' and last[2][1] ~= 'origin' then
  return redis.error_reply('ERR the key holds no history: its last entry has neither a frame nor an origin')
end
-- A Redis that cannot save what it has refuses this as well, and can be read.
redis.pcall('PEXPIRE', key, ARGV[4])

local begun, number = string.match(last[1], '^(%d+)-(%d+)$')
local frames, bytes = {}, 0
local mostFrames, mostBytes = tonumber(ARGV[7]), tonumber(ARGV[8])

local function take(entry)
  local expected = begun .. '-' .. string.format('%.0f', tonumber(number) - #frames)
  if entry[1] ~= expected or entry[2][1] ~= 'frame' then return false end
  bytes = bytes + #entry[2][2]
  if bytes > mostBytes or #frames == mostFrames then return false end
  frames[#frames + 1] = entry[2][2]
  return true
end

local function readBackTo(first)
  local from = '+'
  while true do
    local page = redis.call('XREVRANGE', key, from, first, 'COUNT', PAGE)
    for _, entry in ipairs(page) do
      if not take(entry) then return end
    end
    if #page < PAGE then return end
    from = '(' .. page[#page][1]
  end
end

if ARGV[5] == '*' or ARGV[5] == begun then readBackTo('(' .. begun .. '-' .. ARGV[6]) end
local dataset = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
redis.call(ARGV[1], ARGV[2], ARGV[3])
return { last[1], dataset or '', frames }
