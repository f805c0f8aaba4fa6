//! Builders, throwaway servers and the simulated world
