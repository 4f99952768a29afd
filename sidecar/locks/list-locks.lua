-- Lists the locks of a document.
--
-- KEYS[1]  its locks, a hash: name to "<token> <end of the lease> <holder> <user>"
--
-- Returns for how many milliseconds none of them ends (-1: there is none), and then the name and the user of each. Time is this server's
-- own, in milliseconds since the epoch, so that all bridges share one clock.

local time = redis.call('TIME')
local now = math.floor((tonumber(time[1]) * 1000000 + tonumber(time[2])) / 1000)
local answer = { -1 }
local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  local ends, user = string.match(entries[i + 1], '^%d+ (%d+) %S+ (.*)$')
  local left = tonumber(ends) - now
  if left > 0 then
    if answer[1] < 0 or left < answer[1] then answer[1] = left end
    answer[#answer + 1] = entries[i]
    answer[#answer + 1] = user
  end
end
return answer
