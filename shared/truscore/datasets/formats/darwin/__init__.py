"""The format of V7's Darwin."""
