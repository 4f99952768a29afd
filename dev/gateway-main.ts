/** The stand-in gateway's program, where scripts from before it had a folder of its own start it. */
import '../kong-stand-in/bin';
