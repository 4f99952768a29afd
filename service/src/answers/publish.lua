-- Publishes frames in turn, but none of an answer that has ended or that a later delivery has.
--
-- KEYS[i]        the record of the frame's answer (begin.lua)
-- ARGV[1]        PUBLISH, or SPUBLISH on a cluster
-- ARGV[3i - 1]   the fence
-- ARGV[3i]       the channel
-- ARGV[3i + 1]   the frame
--
-- Returns for each frame nothing when it was published, "lost", or why it was refused.

local said = {}
for i, key in ipairs(KEYS) do
  local held = redis.call('GET', key)
  if held and (held == 'ended' or tonumber(string.match(held, '%d+')) > tonumber(ARGV[3 * i - 1])) then
    said[i] = 'lost'
  else
    local heard = redis.pcall(ARGV[1], ARGV[3 * i], ARGV[3 * i + 1])
    said[i] = type(heard) == 'table' and heard.err or ''
  end
end
return said
